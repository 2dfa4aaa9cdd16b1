"""What it costs and how fast it is, as ratios taken in one run. See docs/benchmarks.md."""
