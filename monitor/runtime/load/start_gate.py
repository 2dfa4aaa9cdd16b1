"""The order in which accounts begin: one after the other while the event loop has more to do than it can."""

import asyncio
import time

PROBE_S = 0.01
"""Machine seconds of the pause by which the gate sees whether the event loop is free."""

MAX_LATE_S = 0.03
"""Machine seconds by which the end of that pause may be late in a free event loop."""

MAX_WAIT_S = 0.25
"""Machine seconds after which the next account begins although the event loop is not free."""


class StartGate:
    """A gate that lets accounts begin in turn, each as soon as the event loop is free.

    The first reads of an account and what is decided on them take some tenths of a second: hundreds at once would leave
    every answer, those of the database included, unheard for longer than its time limit.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def enter(self) -> None:
        """Wait for the account's turn: with few accounts some milliseconds, at most MAX_WAIT_S for each before it."""
        async with self._turn:
            until = time.monotonic() + MAX_WAIT_S
            while True:
                began = time.monotonic()
                await asyncio.sleep(PROBE_S)
                ended = time.monotonic()
                if ended - began <= PROBE_S + MAX_LATE_S or ended >= until:
                    return
