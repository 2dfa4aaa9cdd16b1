"""The timetable: at once, again, faster, and never one read behind another."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor.clock import SystemClock
from monitor.runtime.account.poller import Poller
from tests.support.daemon import eventually
from tests.support.timeouts import SOON_S

LONG = timedelta(hours=1)


class CountingRead:
    """A read that counts how often it began and ended, and takes until `go` is set."""

    def __init__(self) -> None:
        self.began = 0
        self.ended = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> None:
        self.began += 1
        await self.go.wait()
        self.ended += 1


@asynccontextmanager
async def running_poller(speed: float = 1.0) -> AsyncIterator[Poller]:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    poller = Poller(scheduler, SystemClock(datetime(2025, 10, 10, tzinfo=UTC), speed), "main")
    try:
        yield poller
    finally:
        poller.stop()
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)


async def until(holds: Callable[[], object], within_s: float = 20) -> None:
    async def is_so() -> bool:
        return bool(holds())

    await eventually(is_so, within_s)


async def test_every_read_is_made_once_at_once() -> None:
    reads = {name: CountingRead() for name in ("cross", "isolated", "interest")}
    async with running_poller() as poller:
        poller.start({name: (read, LONG) for name, read in reads.items()})
        await until(lambda: all(read.ended == 1 for read in reads.values()))


async def test_a_read_asked_for_while_it_is_under_way_is_made_once_more() -> None:
    read = CountingRead()
    read.go.clear()
    async with running_poller() as poller:
        poller.start({"cross": (read, LONG)})
        await until(lambda: read.began == 1)
        for _ in range(3):
            poller.request("cross")
            await asyncio.sleep(0.3)
        assert read.began == 1
        read.go.set()
        await until(lambda: read.ended == 2)
        await asyncio.sleep(0.5)
        assert read.began == 2


async def test_a_hanging_read_delays_no_other() -> None:
    hanging, other = CountingRead(), CountingRead()
    hanging.go.clear()
    async with running_poller() as poller:
        poller.start({"cross": (hanging, timedelta(seconds=0.1)), "isolated": (other, timedelta(seconds=0.1))})
        await until(lambda: other.ended >= 5)
        assert hanging.began == 1
        hanging.go.set()
        await until(lambda: hanging.ended >= 2)


async def test_a_shorter_interval_begins_with_a_read() -> None:
    read = CountingRead()
    async with running_poller() as poller:
        poller.start({"cross": (read, LONG)})
        await until(lambda: read.ended == 1)
        poller.set_interval("cross", timedelta(seconds=0.1))
        await until(lambda: read.ended >= 4)


async def test_intervals_are_exchange_time() -> None:
    read = CountingRead()
    async with running_poller(speed=600) as poller:
        poller.start({"cross": (read, timedelta(minutes=1))})
        await until(lambda: read.ended >= 5, within_s=3)


async def test_nothing_is_read_after_the_stop() -> None:
    read = CountingRead()
    read.go.clear()
    async with running_poller() as poller:
        poller.start({"cross": (read, timedelta(seconds=0.1))})
        await until(lambda: read.began == 1)
        poller.request("cross")
        await asyncio.sleep(0.3)
    read.go.set()
    await asyncio.sleep(0.3)
    assert read.began == 1


async def test_a_read_that_waits_at_the_stop_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waiting() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with running_poller() as poller:
        poller.start({"cross": (waiting, LONG)})
        await asyncio.wait_for(begun.wait(), SOON_S)
        poller.stop()
        await asyncio.wait_for(ended.wait(), SOON_S)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_read_that_breaks_is_made_again() -> None:
    calls = 0

    async def broken() -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("a bug")

    reads: Callable[[], Awaitable[None]] = broken
    async with running_poller() as poller:
        poller.start({"cross": (reads, timedelta(seconds=0.1))})
        await until(lambda: calls >= 3)


async def test_read_that_requests_more_after_the_stop_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        begun.set()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            raise RuntimeError("Cannot send a request, as the client has been closed.")
        finally:
            ended.set()

    async with running_poller() as poller:
        poller.start({"cross": (read, timedelta(seconds=10))})
        await asyncio.wait_for(begun.wait(), SOON_S)
        poller.stop()
        await asyncio.wait_for(ended.wait(), SOON_S)
        await asyncio.sleep(0)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
