"""Bare programs for comparison: each a process of its own with a single task."""
