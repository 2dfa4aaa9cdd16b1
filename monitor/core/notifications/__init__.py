"""Delivery of notifications to channels: outbox decisions, throttling, quiet hours."""
