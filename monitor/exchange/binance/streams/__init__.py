"""The three WebSocket streams of an account: account events, margin-level notices, prices."""
