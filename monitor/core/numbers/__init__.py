"""Exact numbers, durations, time intervals and times of day."""
