"""While the database can't be written the daemon goes on warning, sends no money, and catches up afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.alerts import AlertState
from monitor.sandbox.server import Sandbox
from monitor.store.migrate import upgrade
from monitor.store.readers.events import read_events
from tests.support.daemon import Here, clock_of, daemon_here, eventually, write_config
from tests.support.postgres import PostgresServer, own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

ACTIONS = """
[[rules]]
name = "near-call"
scope = "cross"
when = "margin_level < (initial_level + margin_call_level) / 2"
clear = "margin_level > initial_level"
severity = "critical"
actions = ["top-up"]

[[actions]]
name = "top-up"
kind = "transfer_in"
mode = "live"
asset = "USDT"
source = ["spot"]
target = "margin_level >= initial_level * 1.02"
max_amount = "100"
max_per_day = "100"
cooldown = "1m"
"""
MONEY = ("/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer")


def money_requests(box: Sandbox) -> list[str]:
    return [one.path for one in box.requests if one.method == "POST" and one.path in MONEY]


def told(sink: HttpSink, rule: str) -> list[dict[str, object]]:
    return [one.json() for one in sink.received if one.json().get("rule") == rule]


class LockedFile:
    """A SQLite database that somebody else keeps locked: every write fails, reading goes on."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path
        self._other: sqlite3.Connection | None = None

    def fail(self) -> None:
        self._other = sqlite3.connect(self._path, isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    def mend(self) -> None:
        if self._other is not None:
            self._other.close()
            self._other = None


class KilledServer:
    """A PostgreSQL server that dies: neither writing nor reading works."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        server.create_database("margin")
        self.url = server.url("margin")
        upgrade(self.url)

    def fail(self) -> None:
        self._server.kill()

    def mend(self) -> None:
        self._server.start()


@contextmanager
def failing_database(kind: str, folder: Path) -> Iterator[LockedFile | KilledServer]:
    if kind == "sqlite":
        locked = LockedFile(folder / "monitor.db")
        try:
            yield locked
        finally:
            locked.mend()
        return
    with own_server() as server:
        yield KilledServer(server)


@pytest.mark.parametrize("kind", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"])
@pytest.mark.slow
async def test_a_failing_store_silences_nothing_and_moves_nothing(tmp_path: Path, kind: str) -> None:
    with http_sink() as sink, failing_database(kind, tmp_path) as database:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, url=database.url, channels={"phone": sink.url}, more=ACTIONS)
            async with daemon_here(config, clock_of(box.sandbox)) as here:
                await ready(here)
                database.fail()
                box.sandbox.hand.borrow("main", "USDT", Decimal(1))
                box.sandbox.hand.set_price("BTCUSDT", Decimal(41_000))
                # The first attempts to write have to give up before it is known that the store fails.
                await eventually(lambda: has(sink, "near-call"), 30)
                assert "Not recorded:" in str(told(sink, "near-call")[0]["text"])
                assert here.store.failing
                assert money_requests(box.sandbox) == []
                assert not here.task.done()

                unwritten = {event.text for event in box.sandbox.sent_events}
                database.mend()
                await here.until_alerts(
                    lambda rows: any(
                        row.alert.key.rule == "near-call"
                        and row.alert.state is AlertState.FIRING
                        and any(delivery.state == "sent" for delivery in row.deliveries)
                        for row in rows
                    ),
                    30,
                )
                assert unwritten
                await eventually(lambda: recorded(here, unwritten), 30)
                # Recorded and told again, now with its number in the record; and then it may act.
                await eventually(lambda: moved(box.sandbox), 30)
                assert len(told(sink, "near-call")) <= 3, "told again and again"


async def ready(here: Here) -> None:
    await here.until(
        lambda state: (
            state.bars
            and state.key
            and state.wallets.get("spot")
            and [s.connected for s in state.streams.values()] == [True] * 3
            and {"BTCUSDT", "ETHUSDT"} <= state.prices.keys()
        )
    )


async def recorded(here: Here, payloads: set[str]) -> bool:
    return payloads <= {row.payload for row in await here.store.read(read_events, limit=None)}


async def has(sink: HttpSink, rule: str) -> bool:
    return bool(told(sink, rule))


async def moved(box: Sandbox) -> bool:
    return money_requests(box) != []
