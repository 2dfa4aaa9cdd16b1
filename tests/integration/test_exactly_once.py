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

from monitor.sandbox.feed import SentEvent
from monitor.sandbox.server import Sandbox
from monitor.store.readers.events import EventRow, read_events
from monitor.store.store import ReadStore
from tests.support.daemon import Child, daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import sandbox

LAG_MS = 1000
"""An event written to a socket this long before the end must have been recorded."""


@dataclass(frozen=True, slots=True)
class Life:
    """One incarnation: the connections it had, when its end came, and what it had recorded right before."""

    connections: frozenset[int]
    ended_ms: int
    recorded: frozenset[str]


@pytest.mark.parametrize("kills", [1, pytest.param(15, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
async def test_events_are_recorded_exactly_once_through_kill_9(tmp_path: Path, database_url: str, kills: int) -> None:
    chance = random.Random(17)
    lives: list[Life] = []
    async with sandbox(starting_now()) as box, stream_of_events(box.sandbox):
        config = write_config(tmp_path, box.ready, url=database_url)
        for _ in range(kills):
            async with daemon_process(config) as child:
                await subscribed(box.sandbox, child)
                await asyncio.sleep(chance.uniform(1.2, 2.2))
                lives.append(life_now(box.sandbox, database_url))
                assert await child.end(signal.SIGKILL) == -signal.SIGKILL
            await eventually(lambda: none_open(box.sandbox))
        async with daemon_process(config) as child:
            await subscribed(box.sandbox, child)
            await asyncio.sleep(LAG_MS / 1000 + 0.2)
            lives.append(life_now(box.sandbox, database_url))
            assert await child.end() == 0
        sent, rows = list(box.sandbox.sent_events), events_in(database_url)

    texts = [row.payload for row in rows]
    assert len(set(texts)) == len(texts), "recorded twice"
    assert set(texts) <= {event.text for event in sent}, "recorded but never sent"
    known = {row.key for row in rows}
    assert all(life.recorded <= known for life in lives), "what was recorded is gone"
    due = [event for life in lives for event in sent if is_due(event, life)]
    lost = [event for event in due if event.text not in set(texts)]
    assert lost == []
    assert len(due) > 40 * kills, "too few events to tell anything"


def life_now(box: Sandbox, url: str) -> Life:
    """The incarnation that is about to end."""
    recorded = frozenset(row.key for row in events_in(url))
    return Life(frozenset(one.number for one in box.connections), box.timeline.now_ms(), recorded)


def is_due(event: SentEvent, life: Life) -> bool:
    """Whether it was written in time to a connection of this incarnation."""
    return event.at_ms <= life.ended_ms - LAG_MS and any(
        one.fate == "written" and one.connection in life.connections for one in event.deliveries
    )


@contextlib.asynccontextmanager
async def stream_of_events(box: Sandbox) -> AsyncIterator[None]:
    """Deposits, loans and repayments on cross and a pair, one after another until the end of the block."""

    async def act() -> None:
        for number in itertools.count(1):
            place = "cross" if number % 2 else "BTCUSDT"
            box.hand.deposit("main", "USDT", Decimal("0.01"), place)
            if number % 5 == 0:
                box.hand.borrow("main", "USDT", Decimal(1))
                box.hand.repay("main", "USDT", Decimal(1))
            await asyncio.sleep(0.01)

    task = asyncio.create_task(act())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def subscribed(box: Sandbox, child: Child) -> None:
    """Returns once a daemon listens to cross, the pair and the risk stream."""

    async def carries() -> bool:
        start = len(box.sent_events)
        await asyncio.sleep(0.05)
        kinds = {(event.stream, event.symbol) for event in box.sent_events[start:]}
        return {("account", None), ("account", "BTCUSDT")} <= kinds

    await eventually(carries, 30, given_up=lambda: child.process.returncode is not None, story=lambda: child.text)


async def none_open(box: Sandbox) -> bool:
    return not box.connections


def events_in(url: str) -> tuple[EventRow, ...]:
    """Every event recorded so far."""
    with ReadStore.open(url) as store:
        return store.read(read_events, limit=None)
