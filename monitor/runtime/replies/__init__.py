"""Answers of people from messages: the loops that read them, and the edits that show the truth."""
