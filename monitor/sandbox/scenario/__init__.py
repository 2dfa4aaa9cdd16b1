"""Scenarios: accounts, prices and terms that a sandbox starts with."""
