"""Scopes taken through the past: the questions about their odds, the answers as documents and in words."""
