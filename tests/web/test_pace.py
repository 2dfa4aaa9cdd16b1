"""The pace of requests."""

import asyncio

from monitor.web.pace import BURST, REQUESTS_PER_S, RequestPace

MORE = 20


async def test_requests_beyond_a_burst_wait_for_their_turn() -> None:
    loop, pace = asyncio.get_running_loop(), RequestPace()
    began = loop.time()
    await asyncio.gather(*(pace.wait() for _ in range(BURST + MORE)))
    assert loop.time() - began >= (MORE - 1) / REQUESTS_PER_S
