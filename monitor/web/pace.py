"""The pace of requests: however many are sent, the event loop has most of its time for the watch."""

import asyncio

REQUESTS_PER_S = 100.0
BURST = 100
"""Requests that are answered at once after a time without any."""


class RequestPace:
    """Lets BURST requests pass at once and REQUESTS_PER_S from then on; further ones wait for their turn."""

    def __init__(self) -> None:
        self._next_at = float("-inf")

    async def wait(self) -> None:
        """Wait until the request may be answered."""
        now = asyncio.get_running_loop().time()
        # The turn of a request that comes at the agreed pace is never later than now.
        self._next_at = max(self._next_at, now - BURST / REQUESTS_PER_S) + 1 / REQUESTS_PER_S
        if self._next_at > now:
            await asyncio.sleep(self._next_at - now)
