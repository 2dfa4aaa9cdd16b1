"""The pace of requests."""

import asyncio

from monitor.web.pace import BURST, MAX_WAIT_S, REQUESTS_PER_S, RequestPace

MORE = 20


async def test_requests_beyond_a_burst_wait_for_their_turn() -> None:
    loop, pace = asyncio.get_running_loop(), RequestPace()
    began = loop.time()
    await asyncio.gather(*(pace.wait() for _ in range(BURST + MORE)))
    assert loop.time() - began >= (MORE - 1) / REQUESTS_PER_S


async def test_request_whose_turn_would_come_too_late_is_refused_and_takes_none() -> None:
    loop, pace = asyncio.get_running_loop(), RequestPace()
    began = loop.time()
    asked = [asyncio.ensure_future(pace.wait()) for _ in range(10 * int(BURST + MAX_WAIT_S * REQUESTS_PER_S))]
    refused = asyncio.ensure_future(pace.wait())
    # Those whose turn is far wait on; the refused one has its answer at once.
    assert await refused is False
    # Each moment that asking takes is another turn.
    allowed = (MAX_WAIT_S + loop.time() - began) * REQUESTS_PER_S
    assert sum(not one.done() for one in asked) <= allowed
    await asyncio.gather(*asked)
    assert sum(one.result() for one in asked) <= BURST + allowed
    assert await pace.wait()
