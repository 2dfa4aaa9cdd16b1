"""Sending intents once, and settling what became of them."""
