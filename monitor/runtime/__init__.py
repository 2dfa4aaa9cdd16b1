"""The daemon on asyncio: its accounts, orders and messages."""
