"""Conflicts between keys that are each valid: rules that find them, by topic."""
