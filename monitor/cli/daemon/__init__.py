"""The daemon under `run`: reloads, checks of keys and accounts, the exit notice."""
