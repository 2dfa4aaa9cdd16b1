"""Benchmarks of cost and speed, as ratios measured in one run. See docs/benchmarks.md."""
