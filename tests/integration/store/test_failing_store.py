"""While the database can't be written the daemon goes on warning, sends no money, and catches up afterwards."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import AlertState
from monitor.sandbox.server import Sandbox
from monitor.store.db.schema_migration import upgrade
from monitor.store.readers.events import read_events
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.faulty_proxy import FaultyProxy, proxy_to
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


@pytest.fixture(autouse=True)
def stretched_timeouts() -> None:
    """The program's own bounds: they are what is tested."""


def money_requests(box: Sandbox) -> list[str]:
    return [request.path for request in box.requests if request.method == "POST" and request.path in MONEY]


def alerts_received(sink: HttpSink, rule: str) -> list[dict[str, object]]:
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


class FrozenServer(KilledServer):
    """A PostgreSQL server that stands still: its connections stay open, and nothing is answered."""

    def fail(self) -> None:
        self._server.freeze()

    def mend(self) -> None:
        self._server.thaw()


class SilentProxy(KilledServer):
    """A line to a PostgreSQL server on which nothing arrives any more, and of which nobody is told."""

    def __init__(self, server: PostgresServer, line: FaultyProxy) -> None:
        super().__init__(server)
        self._line = line
        self.url = f"postgresql+psycopg://tester@127.0.0.1:{line.port}/margin"

    def fail(self) -> None:
        self._line.swallows = True

    def mend(self) -> None:
        self._line.swallows = False
        self._line.disconnect_clients()


class FullDisk:
    """A SQLite database on a disk without room."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/monitor.db"
        self._folder = folder

    def fail(self) -> None:
        with (self._folder / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def mend(self) -> None:
        (self._folder / "ballast").unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[FullDisk]:
    """Skips the test where nothing may be mounted."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True)
    if made.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield FullDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class StalledDisk:
    """A SQLite database on a disk that answers no more: whoever writes to it hangs, and can't even be killed."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/monitor.db"
        self._folder = folder

    def fail(self) -> None:
        subprocess.run(["fsfreeze", "--freeze", self._folder], check=True)

    def mend(self) -> None:
        subprocess.run(["fsfreeze", "--unfreeze", self._folder], check=False, capture_output=True)


@contextmanager
def freezable_disk(folder: Path) -> Iterator[StalledDisk]:
    """Skips the test where nothing may be mounted."""
    folder.mkdir()
    image = folder.with_suffix(".image")
    with image.open("wb") as made:
        made.truncate(64 << 20)
    for command in (["mkfs.ext4", "-q", str(image)], ["mount", "-o", "loop", str(image), str(folder)]):
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("only root may mount a disk of its own")
    disk = StalledDisk(folder)
    try:
        yield disk
    finally:
        disk.mend()
        subprocess.run(["umount", "--lazy", folder], check=True)


Failing = LockedFile | KilledServer | FullDisk | StalledDisk


@contextmanager
def failing_database(kind: str, folder: Path) -> Iterator[Failing]:
    if kind == "sqlite":
        locked = LockedFile(folder / "monitor.db")
        try:
            yield locked
        finally:
            locked.mend()
        return
    if kind == "full disk":
        with small_disk(folder / "disk") as disk:
            yield disk
        return
    if kind == "stalled disk":
        with freezable_disk(folder / "disk") as stalled:
            yield stalled
        return
    with own_server() as server:
        if kind == "swallowing line":
            with proxy_to(server.socket) as line:
                yield SilentProxy(server, line)
        else:
            yield FrozenServer(server) if kind == "frozen server" else KilledServer(server)


KINDS = ["sqlite", "full disk", "stalled disk", "postgresql", "frozen server", "swallowing line"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
async def test_failing_store_sends_alerts_and_moves_no_money(tmp_path: Path, kind: str) -> None:
    with http_sink() as sink, failing_database(kind, tmp_path) as database:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, url=database.url, channels={"phone": sink.url}, more=ACTIONS)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await wait_until_ready(here)
                database.fail()
                if kind == "full disk":
                    # Room that the log already has is still written to.
                    await eventually(lambda: is_store_failing(here, box.sandbox), 60)
                box.sandbox.user_actions.borrow("main", "USDT", Decimal(1))
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                # The first attempts to write have to give up before it is known that the store fails.
                await eventually(lambda: has_received(sink, "near-call"), 30)
                assert "Not recorded:" in str(alerts_received(sink, "near-call")[0]["text"])
                # On a full disk what is small still finds room now and then.
                assert here.store.is_failing or kind == "full disk"
                assert money_requests(box.sandbox) == []
                assert not here.task.done()

                unwritten = {event.text for event in box.sandbox.sent_events}
                database.mend()
                await here.wait_for_alerts(
                    lambda rows: any(
                        row.alert.key.rule == "near-call"
                        and row.alert.state is AlertState.FIRING
                        and any(delivery.state == "sent" for delivery in row.deliveries)
                        for row in rows
                    ),
                    60,
                )
                assert unwritten
                await eventually(lambda: recorded(here, unwritten), 30)
                # It may act now. Its row is the message that was sent from memory, and nothing is told again.
                await eventually(lambda: moved(box.sandbox), 30)
                assert [(one["reason"], one["scope"]) for one in alerts_received(sink, "near-call")] == [
                    ("fired", "cross")
                ]


async def wait_until_ready(here: InProcessDaemon) -> None:
    await here.wait_for_state(
        lambda state: (
            state.thresholds.cross
            and state.keys.permissions
            and state.wallets.get("spot")
            and [s.connected for s in state.streams.values()] == [True] * 3
            and {"BTCUSDT", "ETHUSDT"} <= state.prices.newest.keys()
        )
    )


async def is_store_failing(here: InProcessDaemon, box: Sandbox) -> bool:
    box.user_actions.borrow("main", "USDT", Decimal("0.01"))
    return here.store.is_failing


async def recorded(here: InProcessDaemon, payloads: set[str]) -> bool:
    return payloads <= {row.payload for row in await here.store.read(read_events, limit=None)}


async def has_received(sink: HttpSink, rule: str) -> bool:
    return bool(alerts_received(sink, rule))


async def moved(box: Sandbox) -> bool:
    return money_requests(box) != []
