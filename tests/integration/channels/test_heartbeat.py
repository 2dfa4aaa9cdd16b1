"""The dead man's switch: whatever part of the daemon stops, the ping stops within two intervals."""

import asyncio
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection

from monitor.sandbox.faults import Fault
from tests.support.daemon import InProcessDaemon, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import Answer, HttpSink, http_sink

EVERY_S = 2
PAUSES = f"""
[heartbeat]
url = "{{url}}/ping"
every = "{EVERY_S}s"

[[rules]]
name = "below-initial"
scope = "cross"
when = "margin_level < initial_level"
severity = "critical"
repeat = "1s"
"""
BUSY_S = 1.5
"""What a busy machine may add."""


def pings(sink: HttpSink) -> int:
    return sum(one.method == "GET" for one in list(sink.received))


def reasons(sink: HttpSink) -> list[str]:
    return [one.body.decode() for one in list(sink.received) if one.path == "/ping/fail"]


async def stops(switch: HttpSink, why: str) -> None:
    """Returns once it was said why not all is well; the pings must have ended within two intervals of now."""
    begun = pings(switch)

    async def is_said() -> bool:
        return any(why in reason for reason in reasons(switch))

    await eventually(is_said, 2 * EVERY_S + BUSY_S + EVERY_S, story=lambda: str(reasons(switch)))
    assert pings(switch) - begun <= 2


async def resumes(switch: HttpSink) -> None:
    before = pings(switch)

    async def is_well() -> bool:
        return pings(switch) > before

    await eventually(is_well, 40, story=lambda: str(reasons(switch)))


@pytest.mark.slow
async def test_the_ping_stops_with_the_poller_the_writer_and_every_channel(tmp_path: Path) -> None:
    with http_sink() as switch, http_sink() as phone, http_sink() as mail:
        async with sandbox(starting_now()) as box:
            config = write_config(
                tmp_path,
                box.ready,
                channels={"phone": phone.url, "mail": mail.url},
                first="default_rules = false",
                more=PAUSES.format(url=switch.url),
            )
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                await resumes(switch)
                assert reasons(switch) == []
                for stop, why in (
                    (no_reads, "account main was not read for"),
                    (hung_reads, "account main was not read for"),
                    (lambda box, here: lock_database(tmp_path, here), "the database can't be written"),
                    (hung_writer, "account main has completed no step for"),
                    (lambda box, here: refuse_messages(box, (phone,)), "channel phone does not work: HTTP 503"),
                    (lambda box, here: refuse_messages(box, (phone, mail)), "channel mail does not work: HTTP 503"),
                ):
                    mend = stop(box, here)
                    await stops(switch, why)
                    mend()
                    await resumes(switch)
            last = pings(switch)
        # Nothing pings once the daemon has ended.
        assert pings(switch) == last


def no_reads(box: RunningSandbox, here: InProcessDaemon) -> Callable[[], None]:
    for path in ("/sapi/v1/margin/account", "/sapi/v1/margin/isolated/account"):
        box.sandbox.add_fault(Fault("status", path=path, status=503, count=0))
    return box.sandbox.clear_faults


def hung_reads(box: RunningSandbox, here: InProcessDaemon) -> Callable[[], None]:
    for path in ("/sapi/v1/margin/account", "/sapi/v1/margin/isolated/account"):
        box.sandbox.add_fault(Fault("hang", path=path, count=0))
    return box.sandbox.clear_faults


def hung_writer(box: RunningSandbox, here: InProcessDaemon) -> Callable[[], None]:
    """The writing thread stands still within a unit of work, as on a disk that no longer answers."""
    released = Event()

    def stand_still(connection: Connection) -> None:
        released.wait(30)

    held = asyncio.create_task(here.store.execute(stand_still))

    def mend() -> None:
        assert not held.done()
        released.set()

    return mend


def lock_database(folder: Path, here: InProcessDaemon) -> Callable[[], None]:
    other = sqlite3.connect(folder / "monitor.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def refuse_messages(box: RunningSandbox, sinks: tuple[HttpSink, ...]) -> Callable[[], None]:
    """The channels refuse everything, and there is something to tell."""
    for sink in sinks:
        sink.default = Answer(503)
    box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))

    def mend() -> None:
        for sink in sinks:
            sink.default = Answer()

    return mend
