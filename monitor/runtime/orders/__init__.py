"""Sending of intents, each at most once, and settlement of their outcomes."""
