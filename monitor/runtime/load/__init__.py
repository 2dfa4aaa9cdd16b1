"""The load of a process with many accounts: turns at the start, and shares of the time."""
