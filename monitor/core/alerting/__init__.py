"""Alerts: from rule findings to their life cycle, silences and notifications."""
