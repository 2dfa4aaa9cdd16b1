"""The state of one account, and how each event and price changes it."""
