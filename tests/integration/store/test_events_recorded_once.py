"""Every event that a stream delivered is recorded once, however often the daemon is killed."""

import asyncio
import contextlib
import itertools
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.records.events import EventRow
from monitor.sandbox.event_feed import SentEvent
from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from monitor.store.command_store import ReadStore
from monitor.store.readers.events import read_events
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import sandbox

DUPLICATED = 20
"""So many frames of each stream come twice in every incarnation."""


@dataclass(frozen=True, slots=True)
class DaemonLife:
    """One incarnation: the events written to its connections until a moment, and the keys recorded before its end."""

    due: frozenset[str]
    recorded: frozenset[str]


@pytest.mark.parametrize("kills", [1, pytest.param(15, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
@pytest.mark.slow
async def test_events_are_recorded_exactly_once_through_kill_9(tmp_path: Path, database_url: str, kills: int) -> None:
    chance = random.Random(17)
    lives: list[DaemonLife] = []
    async with sandbox(starting_now()) as box, stream_of_events(box.sandbox):
        config = write_config(tmp_path, box.ready, url=database_url)
        for _ in range(kills):
            async with daemon_process(config) as child:
                await subscribed(box.sandbox, child)
                await asyncio.sleep(chance.uniform(0.6, 1.2))
                lives.append(await wait_until_caught_up(box.sandbox, child, database_url))
                # Somewhere in the middle of taking and writing more.
                await asyncio.sleep(chance.uniform(0, 0.1))
                assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            await eventually(lambda: none_open(box.sandbox))
        async with daemon_process(config) as child:
            await subscribed(box.sandbox, child)
            lives.append(await wait_until_caught_up(box.sandbox, child, database_url))
            assert await child.stop() == 0
        sent, rows = list(box.sandbox.sent_events), events_in(database_url)

    texts = [row.payload for row in rows]
    assert len(set(texts)) == len(texts), "recorded twice"
    assert set(texts) <= {event.text for event in sent}, "recorded but never sent"
    known = {row.key for row in rows}
    assert all(life.recorded <= known for life in lives), "what was recorded is gone"
    due = frozenset().union(*(life.due for life in lives))
    assert due <= set(texts), "what was delivered is lost"
    assert len(due) > 40 * kills, "too few events to tell anything"


async def wait_until_caught_up(box: Sandbox, child: DaemonProcess, url: str) -> DaemonLife:
    """The incarnation, once all that was written to its connections until now is recorded, while more comes in."""
    connections = {connection.number for connection in box.connections}
    due = frozenset(event.text for event in box.sent_events if was_written(event, connections))
    rows: tuple[EventRow, ...] = ()

    async def all_recorded() -> bool:
        nonlocal rows
        rows = await asyncio.to_thread(events_in, url)
        return due <= {row.payload for row in rows}

    await eventually(all_recorded, given_up=lambda: child.process.returncode is not None, story=lambda: child.text)
    return DaemonLife(due, frozenset(row.key for row in rows))


def was_written(event: SentEvent, connections: set[int]) -> bool:
    """Whether one of these connections carried the event."""
    return any(delivery.fate == "written" and delivery.connection in connections for delivery in event.deliveries)


@contextlib.asynccontextmanager
async def stream_of_events(box: Sandbox) -> AsyncIterator[None]:
    """Deposits, loans and repayments on cross and a pair, one after another until the end of the block."""

    async def act() -> None:
        for number in itertools.count(1):
            place = "cross" if number % 2 else "BTCUSDT"
            box.user_actions.deposit("main", "USDT", Decimal("0.01"), place)
            if number % 5 == 0:
                box.user_actions.borrow("main", "USDT", Decimal(1))
                box.user_actions.repay("main", "USDT", Decimal(1))
            await asyncio.sleep(0.01)

    task = asyncio.create_task(act())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def subscribed(box: Sandbox, child: DaemonProcess) -> None:
    """Returns once a daemon listens to cross and the pair; from then on some frames come twice."""

    async def carries() -> bool:
        start = len(box.sent_events)
        await asyncio.sleep(0.05)
        kinds = {(event.stream, event.symbol) for event in box.sent_events[start:]}
        return {("account", None), ("account", "BTCUSDT")} <= kinds

    await eventually(carries, 30, given_up=lambda: child.process.returncode is not None, story=lambda: child.text)
    for name in ("account", "risk"):
        box.add_fault(Fault(what="duplicate", stream=name, count=DUPLICATED))


async def none_open(box: Sandbox) -> bool:
    return not box.connections


def events_in(url: str) -> tuple[EventRow, ...]:
    """Every event recorded so far."""
    with ReadStore.open(url) as store:
        return store.read(read_events, limit=None)
