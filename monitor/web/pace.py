"""The pace of requests: however many are sent, the event loop has most of its time for the watch."""

import asyncio

REQUESTS_PER_S = 100.0
BURST = 100
"""Requests that are answered at once after a time without any."""

MAX_WAIT_S = 2.0
"""Machine seconds that a request waits for its turn; where it would be longer, it is refused."""


class RequestPace:
    """Lets BURST requests pass at once and REQUESTS_PER_S from then on; further ones wait for their turn."""

    def __init__(self) -> None:
        self._next_at = float("-inf")

    async def wait(self) -> bool:
        """Wait until the request may be answered; False, at once, where its turn would be too late.

        A request that is refused takes no turn: those that wait are never more than MAX_WAIT_S allows.
        """
        now = asyncio.get_running_loop().time()
        # The turn of a request that comes at the agreed pace is never later than now.
        turn = max(self._next_at, now - BURST / REQUESTS_PER_S) + 1 / REQUESTS_PER_S
        if turn - now > MAX_WAIT_S:
            return False
        self._next_at = turn
        if turn > now:
            await asyncio.sleep(turn - now)
        return True
