"""Whole Debian systems, for tests that type the lines of the documentation."""
