"""Ten thousand events at once, while a channel and the disk each stall for a second: nothing of the user is lost."""

import asyncio
import contextlib
import sqlite3
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from tests.soak.streams import key_of
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import Answer, HttpSink, http_sink

D = Decimal
BURST = 10_000
STALL_S = 1.0
RULE = """
[[rules]]
name = "below"
scope = "cross"
when = "margin_level < 1.7"
severity = "critical"
"""


def stall_disk(path: Path) -> None:
    """Another program holds the database's write lock for a while."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(STALL_S)
        other.execute("ROLLBACK")


async def price_storm(box: Sandbox) -> Decimal:
    """Prices that change all through the stall. Returns the last one."""
    price = D(54_000)
    deadline = time.monotonic() + STALL_S
    while time.monotonic() < deadline:
        price -= D("0.5")
        box.user_actions.set_price("BTCUSDT", price)
        await asyncio.sleep(0.01)
    return price


def recorded(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [key for (key,) in database.execute("SELECT key FROM events")]


@pytest.mark.timeout(180)
@pytest.mark.slow
async def test_burst_with_a_stalled_channel_and_a_stalled_disk_loses_nothing(tmp_path: Path) -> None:
    with http_sink() as sink:
        sink.default = Answer(after_s=STALL_S)
        async with sandbox() as running:
            config = write_config(
                tmp_path, running.ready, channels={"phone": sink.url}, more=RULE, schedule={"cross": "5s"}
            )
            async with in_process_daemon(config, clock_of(running.sandbox)) as here:
                await _burst(running.sandbox, here, tmp_path / "monitor.db", sink)


async def _burst(box: Sandbox, here: InProcessDaemon, database: Path, sink: HttpSink) -> None:
    await here.wait_for_state(lambda s: len(s.streams) == 3 and all(stream.connected for stream in s.streams.values()))
    await here.wait_for_state(lambda s: len(s.prices.newest) > 1 and s.cross is not None)
    lines = {connection.number for connection in box.connections}
    daemon: Any = here.daemon
    inbox = daemon._supervisor.services["main"].inbox
    coalesced = inbox.conflated
    stalled = asyncio.create_task(asyncio.to_thread(stall_disk, database))
    box.add_fault(Fault("flood", stream="account", count=BURST))
    last = await price_storm(box)
    await stalled
    sent = [key_of(event) for event in box.sent_events]
    assert len(sent) == len(set(sent)) == BURST

    async def all_recorded() -> bool:
        return len(await asyncio.to_thread(recorded, database)) >= BURST

    await eventually(all_recorded, 60)
    assert sorted(recorded(database)) == sorted(sent)
    await here.wait_for_state(lambda s: s.prices.newest["BTCUSDT"].value == last)
    assert inbox.conflated > coalesced
    await asyncio.to_thread(sink.wait_for, lambda received: any("below" in str(r.json()) for r in received))
    assert {connection.number for connection in box.connections} == lines
    assert all(stream.connected and stream.connects == 1 for stream in here.state().streams.values())
