"""Host check, token, sessions, form tokens, wrong attempts by address, and headers of every response."""
