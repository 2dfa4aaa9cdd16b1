"""Whole histories: windows, pages and cursors of the venue hidden behind rows that come each once, oldest first."""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from monitor.exchange.binance.api.function import History, P, Read
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.field_types import Rows
from monitor.exchange.binance.wire.numbers import milliseconds


def windows(since: datetime, until: datetime, span: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Windows of at most `span` that cover `since` to `until`, oldest first.

    Neighbours share their edge, since nobody documents whether edges belong to a window: the caller drops repeats.
    """
    start = since
    while True:
        end = min(start + span, until)
        yield start, end
        if end >= until:
            return
        start = end


Row = TypeVar("Row")
Key = tuple[object, ...]

_SHORTEST = timedelta(milliseconds=1)
_EDGE = timedelta(seconds=1)


class Walk(Generic[Row]):
    """The rows of a history from `since` to `until`, both included.

    An error of the exchange ends the iteration; iterating again goes on with the very request that failed, and a
    row that was handed out never comes again. Neighbouring windows share their edge, since nobody documents whether
    edges belong to a window: a row on it is told apart by its key.
    """

    def __init__(
        self,
        transport: Transport,
        function: Read[P, Rows[Row]] | Read[P, list[Row]],
        given: Parameters,
        since: datetime,
        until: datetime,
        *,
        size: int | None = None,
    ) -> None:
        """`given` are further parameters by the venue's names; `size` asks for fewer rows at once than it gives."""
        if function.history is None:
            raise ValueError(f"{function.name} is no history")
        self._transport = transport
        self._function: Read[..., Any] = function
        self._given = dict(given)
        self._history: History = function.history
        self._size = min(size or self._history.size, self._history.size)
        earliest = since if self._history.depth is None else max(since, until - self._history.depth)
        self._windows = deque(windows(earliest, until, self._history.span) if earliest <= until else ())
        self._cursor: int | None = None
        self._gathered: dict[Key, Row] = {}
        self._edge: dict[Key, datetime] = {}
        self._ready: deque[Row] = deque()

    def __aiter__(self) -> AsyncIterator[Row]:
        return self

    async def __anext__(self) -> Row:
        while not self._ready:
            if not self._windows:
                raise StopAsyncIteration
            await self._read_window()
        return self._ready.popleft()

    async def _read_window(self) -> None:
        """One request, or as many as the oldest window takes; what came of them survives a failure."""
        match self._history.cursor:
            case "page":
                await self._read_pages()
            case "after":
                await self._read_after()
            case "from":
                if not await self._read_or_split():
                    return
            case "none":
                self._gather(await self._ask({}))
        self._finish_window()

    async def _read_pages(self) -> None:
        while True:
            number = self._cursor or 1
            page = await self._ask({"current": number, "size": self._size})
            self._gather(page.rows)
            if not page.rows or number * self._size >= page.total:
                return
            self._cursor = number + 1

    async def _read_after(self) -> None:
        """By an id that is itself left out. Without one only the newest rows would come."""
        while True:
            rows = await self._ask({self._history.by: self._cursor or 0, "limit": self._size})
            self._gather(rows)
            if len(rows) < self._size:
                return
            self._cursor = max(self._id(row) for row in rows)

    async def _read_or_split(self) -> bool:
        """Whether the window is read. A full answer does not say which of its rows it left out: the window is halved.

        One too short for that is read by an id, itself included, which is not bound to a window.
        """
        start, end = self._windows[0]
        if self._cursor is None:
            rows = await self._ask({"limit": self._size})
            if len(rows) < self._size:
                self._gather(rows)
                return True
            if end - start > _SHORTEST:
                middle = start + (end - start) / 2
                middle -= timedelta(microseconds=middle.microsecond % 1000)
                self._windows[0] = (max(middle, start + _SHORTEST), end)
                self._windows.appendleft((start, max(middle, start + _SHORTEST)))
                return False
            self._gather(rows)
            self._cursor = min(self._id(row) for row in rows)
        while True:
            rows = await self._ask({self._history.by: self._cursor, "limit": self._size}, within=False)
            self._gather([row for row in rows if self._time(row) <= end])
            last = max((self._id(row) for row in rows), default=self._cursor)
            if len(rows) < self._size or last == self._cursor or any(self._time(row) > end for row in rows):
                return True
            self._cursor = last

    async def _ask(self, further: Parameters, *, within: bool = True) -> Any:
        start, end = self._windows[0]
        times = {"startTime": milliseconds(start), "endTime": milliseconds(end)} if within else {}
        asked = self._function.asked({**self._given, **times, **further})
        return (await self._transport.read(self._function.priced(asked), asked)).content

    def _gather(self, rows: Sequence[Row]) -> None:
        for row in rows:
            key = self._key(row)
            if key not in self._edge:
                self._gathered[key] = row

    def _finish_window(self) -> None:
        _, end = self._windows.popleft()
        rows = sorted(self._gathered.values(), key=lambda row: (self._time(row), self._key(row)))
        self._ready.extend(rows)
        # Rows on the edge come with the next window too. A second is more than any rounding of theirs.
        seen = {**self._edge, **{self._key(row): self._time(row) for row in rows}}
        self._edge = {key: at for key, at in seen.items() if end - at <= _EDGE}
        self._gathered = {}
        self._cursor = None

    def _key(self, row: Row) -> Key:
        return tuple(getattr(row, name) for name in self._history.key)

    def _id(self, row: Row) -> int:
        # One of our own fields, named as the venue's cursor or as the first part of the key.
        number: int = getattr(row, self._history.key[0])
        return number

    def _time(self, row: Row) -> datetime:
        at: datetime = getattr(row, self._history.time)
        return at
