"""The demo: a simulated crash, played with and without help."""
