"""The exchange's time, measured at the start, before anything gets a timestamp."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from monitor.errors import MonitorError
from monitor.exchange.port import Exchange
from monitor.runtime.account.supervisor import WatchedAccount

START_CLOCK_TIMEOUT_S = 3.0
"""Machine seconds that a start waits for the exchange's time."""


async def measure_start_time(accounts: Iterable[WatchedAccount]) -> None:
    """Ask the exchange for its time, by the first account that gets an answer; without one the wall clock is used."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_CLOCK_TIMEOUT_S):
            for account in accounts:
                with suppress(MonitorError):
                    await _sync_clock(account.open_exchange())
                    return


async def _sync_clock(exchange: Exchange) -> None:
    try:
        await exchange.sync_clock()
    finally:
        await exchange.aclose()
