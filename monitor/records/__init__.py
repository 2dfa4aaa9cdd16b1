"""Rows as they are read back from the database, shared by the store and the view."""
