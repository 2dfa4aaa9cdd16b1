"""Handlers: read the documents of a page, or give a command and send the browser back to its page."""
