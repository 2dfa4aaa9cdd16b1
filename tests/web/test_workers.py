"""Threads of the web: bounded work beside the event loop."""

import asyncio
import threading

import pytest

from monitor.web.security.refusal import RequestRefused
from monitor.web.workers import MAX_WAITING, Workers


async def test_more_work_than_can_wait_is_refused_and_the_rest_is_done() -> None:
    workers, release = Workers(), threading.Event()
    waiting = [asyncio.ensure_future(workers.run(release.wait)) for _ in range(MAX_WAITING)]
    try:
        await asyncio.sleep(0)
        with pytest.raises(RequestRefused) as refused:
            await workers.run(str)
        assert (refused.value.status, refused.value.code) == (503, "busy")
    finally:
        release.set()
    assert await asyncio.gather(*waiting) == [True] * MAX_WAITING
    assert await workers.run(int, "7") == 7
    workers.close()
