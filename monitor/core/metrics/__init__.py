"""Metric values of every subject, computed from the account's state."""
