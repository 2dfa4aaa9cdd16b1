"""Addresses of channels that people can answer."""
