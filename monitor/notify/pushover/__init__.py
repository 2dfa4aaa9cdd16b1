"""Pushover with receipts: messages that repeat until somebody acknowledges them."""
