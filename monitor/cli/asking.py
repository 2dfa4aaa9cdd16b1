"""One account of the exchange, asked by a command that ends soon."""

import contextlib
from collections.abc import AsyncIterator

from monitor import app
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.exchange.binance.venue import BinanceAccount


@contextlib.asynccontextmanager
async def session(config: Config, account: str, clock: Clock) -> AsyncIterator[BinanceAccount]:
    """The account's session: it obeys a ban that was remembered, and remembers one that it meets."""
    exchange = app.open_account(config, account, clock)
    try:
        yield exchange
    finally:
        await exchange.aclose()
        if exchange.banned_until is not None:
            app.remember_ban(config, exchange.banned_until)
