"""The page, the API and the server beside a daemon that works."""
