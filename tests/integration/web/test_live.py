"""Live events: what is open now, then each change, with ids from which a reader goes on."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.web import workers
from monitor.web.api import live_feed
from tests.integration.web.http_client import Address
from tests.integration.web.served_daemon import AUTHORIZED, WITH_TOKEN, ServedDaemon, served_daemon
from tests.support.daemon import eventually
from tests.support.timeouts import SOON_S

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Received:
    """One event as a reader gets it."""

    id: str
    kind: str
    data: Any


class Reader:
    """A reader of the live events."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream

    async def next(self) -> Received:
        """The next event; comments and the first line of the protocol are passed over."""
        while True:
            fields: dict[str, str] = {}
            while line := (await asyncio.wait_for(self._stream.readuntil(b"\n"), SOON_S)).decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
            if "data" in fields:
                return Received(fields["id"], fields["event"], json.loads(fields["data"]))

    async def wait_for_pause(self, paused: bool) -> Received:
        """The first status in which actions are paused, or not."""
        while True:
            event = await self.next()
            if event.kind == "status" and event.data["daemon"]["paused"] is paused:
                return event


@contextlib.asynccontextmanager
async def reading(address: Address, last_id: str = "") -> AsyncIterator[Reader]:
    # HTTP/1.0: the events come without the lines of chunks.
    reader, writer = await asyncio.open_connection(*address, limit=1 << 20)
    resumed = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
    writer.write(f"GET /api/v1/live HTTP/1.0\r\nHost: {address[0]}:{address[1]}\r\n{resumed}\r\n".encode())
    try:
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON_S)).decode().lower()
        assert head.startswith("http/1.0 200") and "content-type: text/event-stream" in head, head
        yield Reader(reader)
    finally:
        writer.close()


async def test_reader_gets_what_is_now_and_then_each_change(served: ServedDaemon) -> None:
    async with reading(served.address) as live:
        first = await live.next()
        assert (first.kind, first.data["accounts"][0]["account"]) == ("status", "main")
        await served.post("/api/v1/actions/pause", AUTHORIZED)
        paused = await live.wait_for_pause(True)
        epoch, _, number = paused.id.partition("-")
        assert first.id.partition("-")[0] == epoch
        assert int(number) > int(first.id.partition("-")[2])
        await served.post("/api/v1/actions/resume", AUTHORIZED)
        await live.wait_for_pause(False)


async def test_reader_who_comes_back_gets_only_what_it_missed(served: ServedDaemon) -> None:
    async with reading(served.address) as live:
        seen = await live.next()
        await served.post("/api/v1/actions/pause", AUTHORIZED)
        await live.wait_for_pause(True)
        await served.post("/api/v1/actions/resume", AUTHORIZED)
        last = await live.wait_for_pause(False)
    async with reading(served.address, seen.id) as resumed:
        missed = await resumed.next()
        assert int(missed.id.partition("-")[2]) >= int(last.id.partition("-")[2])
    async with reading(served.address, "0000-7") as unknown:
        assert (await unknown.next()).kind == "status"


async def test_all_readers_get_the_same_events(served: ServedDaemon) -> None:
    async with reading(served.address) as one, reading(served.address) as two:
        await served.post("/api/v1/actions/pause", AUTHORIZED)
        first, second = await one.wait_for_pause(True), await two.wait_for_pause(True)
        assert first.id == second.id
        await served.post("/api/v1/actions/resume", AUTHORIZED)
        await asyncio.gather(one.wait_for_pause(False), two.wait_for_pause(False))


def always(name: str) -> str:
    return f'[[rules]]\nname = "{name}"\nscope = "cross"\nwhen = "margin_level > 0"\nseverity = "info"\n'


async def test_open_alerts_are_compared_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, write = set(), live_feed._item_data

    def note_and_write(document: object) -> bytes:
        threads.add(threading.current_thread().name.partition("_")[0])
        return write(document)

    monkeypatch.setattr(live_feed, "_item_data", note_and_write)
    async with served_daemon(tmp_path, always("up") + WITH_TOKEN) as served, reading(served.address) as live:
        while (event := await live.next()).kind != "alert":
            pass
        assert event.data["rule"] == "up"
    assert threads == {"web-worker"}


class NoRoom(int):
    """A number of pieces of work that is reached at once; counts how often."""

    refused = 0

    def __le__(self, other: int) -> bool:
        self.refused += 1
        return True


async def test_readers_stay_while_the_workers_are_busy(served: ServedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "LOOK_S", 0.02)
    async with reading(served.address) as live:
        first = await live.next()
        busy = NoRoom()
        with monkeypatch.context() as patch:
            patch.setattr(workers, "MAX_WAITING", busy)
            await eventually(lambda: asyncio.sleep(0, busy.refused >= 3))
        await served.post("/api/v1/actions/pause", AUTHORIZED)
        paused = await live.wait_for_pause(True)
        assert paused.id.partition("-")[0] == first.id.partition("-")[0], "the sequence goes on"
        await served.post("/api/v1/actions/resume", AUTHORIZED)
        await live.wait_for_pause(False)
