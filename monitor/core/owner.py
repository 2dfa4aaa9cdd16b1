"""Whose account it is at the exchange, and what this record knows of it under other names."""
