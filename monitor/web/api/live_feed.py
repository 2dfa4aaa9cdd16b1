"""Changes of the status, the alerts and the intents as one numbered sequence, made only while somebody reads it."""

import asyncio
import json
import logging
import re
import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from monitor.errors import CommandRefused, StoreError
from monitor.view.json_values import Document
from monitor.web.port import DocumentSource
from monitor.web.security.refusal import RequestRefused
from monitor.web.workers import Workers

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Machine seconds between two comparisons."""

LINGER_S = 30.0
"""Machine seconds without readers after which the sequence ends; a reader who returns later starts anew."""

MAX_EVENTS = 500
"""Events that a reader who returns may have missed. Of the status only the newest is kept."""

Kind = Literal["status", "alert", "action"]

_AGES = re.compile(rb'"(?:generated_at|age_s|live_age_s|silence_s)": [^\n]*')
"""Lines of the status that change by themselves."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event of the sequence, as it is sent."""

    number: int
    kind: Kind
    text: bytes


class LiveFeed:
    """The sequence of one server. Its task runs while there are readers, and LINGER_S longer."""

    def __init__(self, documents: DocumentSource, workers: Workers) -> None:
        self._documents = documents
        self._workers = workers
        self._readers = 0
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._is_closed = False
        self._start_anew()

    def _start_anew(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._events: deque[LiveEvent] = deque()
        self._chunks: dict[int | None, bytes] = {}
        self._open: dict[Kind, dict[int, LiveEvent]] = {"alert": {}, "action": {}}
        self._status: LiveEvent | None = None
        self._status_mark = b""

    @property
    def readers(self) -> int:
        """The number of readers."""
        return self._readers

    @property
    def epoch(self) -> str:
        """The name of the present sequence: another one after each time without readers, and after a failure."""
        return self._epoch

    def is_current(self, epoch: str) -> bool:
        """Return whether the sequence of that name goes on."""
        return not self._is_closed and epoch == self._epoch

    def close(self) -> None:
        """End the sequence: every reader stops."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
        self._wake()

    async def join(self) -> str:
        """Count a reader, wait for the first look if there was none yet, and return the epoch."""
        self._readers += 1
        if self._task is None or self._task.done():
            self._start_anew()
            self._task = asyncio.get_running_loop().create_task(self._run(), name="web live events")
        while self._status is None and not self._is_closed and not self._task.done():
            await self.wait(LOOK_S)
        return self._epoch

    def leave(self) -> None:
        """Count a reader less."""
        self._readers -= 1

    def position_of(self, last_event_id: str) -> int | None:
        """Return the number of the last event that a reader has; None where what followed is no longer known."""
        epoch, _, number = last_event_id.partition("-")
        if epoch != self._epoch or not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        position = int(number)
        oldest = self._events[0].number if self._events else self._number + 1
        return position if oldest - 1 <= position <= self._number else None

    def since(self, position: int | None) -> tuple[bytes, int]:
        """Return the events after a position, and the new position; for None everything that is open now."""
        if position is not None and self._events and position < self._events[0].number - 1:
            position = None
        chunk = self._chunks.get(position)
        if chunk is None:
            events: Iterable[LiveEvent] = (
                self._current() if position is None else (event for event in self._events if event.number > position)
            )
            # Most readers are at the same position.
            chunk = self._chunks[position] = b"".join(event.text for event in events)
        return chunk, self._number

    async def wait(self, timeout_s: float) -> bool:
        """Return whether there is news within the time."""
        news = self._news
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await news.wait()
        return news.is_set()

    async def take_turn(self) -> None:
        """Let the readers go on one after the other, each in a round of its own of the event loop.

        Fifty of them at once would keep the loop from an alert for milliseconds.
        """
        async with self._turn:
            await asyncio.sleep(0)

    def _current(self) -> list[LiveEvent]:
        events = [event for known in self._open.values() for event in known.values()]
        if self._status is not None:
            events.append(self._status)
        return sorted(events, key=lambda event: event.number)

    async def _run(self) -> None:
        idle_looks = 0
        try:
            while idle_looks * LOOK_S < LINGER_S:
                idle_looks = 0 if self._readers else idle_looks + 1
                await self._look()
                await asyncio.sleep(LOOK_S)
        except Exception as error:
            # The readers end with it; the next one starts it anew.
            log.exception("web.live_failed cause=%s", type(error).__name__)
        finally:
            self._epoch = secrets.token_hex(4)
            self._wake()

    async def _look(self) -> None:
        """Compare everything once; a look that finds the workers busy is left to the next."""
        before = self._number
        try:
            await self._compare_all()
        except RequestRefused:
            log.debug("web.live_look_skipped")
        finally:
            if self._number != before:
                self._wake()

    async def _compare_all(self) -> None:
        status = await self._documents.read("status", {})
        mark = await self._workers.run(_AGES.sub, b"", status.text)
        if mark != self._status_mark:
            self._status_mark = mark
            self._status = self._publish("status", _data(status.text))
        with suppress(StoreError):
            await self._compare("alert", (await self._documents.read("alerts", {})).document["items"])
            await self._compare("action", (await self._documents.read("actions", {})).document["items"])

    async def _compare(self, kind: Literal["alert", "action"], items: Iterable[Document]) -> None:
        known = self._open[kind]
        # A thousand of them take a while, which the event loop does not have. Only this task changes what is known.
        changed, gone = await self._workers.run(_find_changes, known, items)
        for number, data in changed.items():
            known[number] = self._publish(kind, data)
        for number in gone:
            with suppress(CommandRefused):
                ended = await self._documents.read(kind, {"id": str(number)})
                self._publish(kind, await self._workers.run(_item_data, ended.document))
            del known[number]
            self._chunks.clear()

    def _publish(self, kind: Kind, data: bytes) -> LiveEvent:
        self._number += 1
        self._chunks.clear()
        head = f"id: {self._epoch}-{self._number}\nevent: {kind}\n"
        event = LiveEvent(self._number, kind, head.encode() + data)
        if kind == "status":
            self._events = deque(each for each in self._events if each.kind != "status")
        self._events.append(event)
        while len(self._events) > MAX_EVENTS:
            self._events.popleft()
        return event

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _find_changes(known: Mapping[int, LiveEvent], items: Iterable[Document]) -> tuple[dict[int, bytes], frozenset[int]]:
    """Return the data of new and changed items by number, and the numbers that are no longer there."""
    changed: dict[int, bytes] = {}
    numbers: set[int] = set()
    for item in items:
        number, data = item["id"], _item_data(item)
        numbers.add(number)
        earlier = known.get(number)
        if earlier is None or not earlier.text.endswith(data):
            changed[number] = data
    return changed, frozenset(known.keys() - numbers)


def _data(text: bytes) -> bytes:
    """A text as the data of an event, a field for each of its lines."""
    return b"data: " + text.strip().replace(b"\n", b"\ndata: ") + b"\n\n"


def _item_data(item: object) -> bytes:
    return _data(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())
