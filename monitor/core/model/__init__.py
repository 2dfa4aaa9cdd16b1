"""Domain types: accounts, alerts, intents, events, reads, metrics. Data, and no decisions."""
