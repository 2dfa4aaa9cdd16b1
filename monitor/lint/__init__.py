"""Lint: flaws of rules, ladders, channels and actions, tried on sample states."""
