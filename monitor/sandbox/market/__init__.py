"""Listings and current prices."""
