"""Everything that runs in asyncio: the daemon with its accounts, orders and messages."""
