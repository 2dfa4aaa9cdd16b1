"""Whole histories row by row, oldest first, each once: windows, pages and cursors of the exchange hidden."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from monitor.exchange.binance.api.endpoint_function import HistoryPaging, P, ReadFunction
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.field_types import HistoryPage, SparseHistoryPage
from monitor.exchange.binance.wire.numbers import to_milliseconds


def split_window(since: datetime, until: datetime, span: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Yield windows of at most `span` that cover `since` to `until`, oldest first.

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
RowKey = tuple[object, ...]

MAX_PAGES = 10_000
"""Maximum pages of one window: an exchange that never comes to an end is asked no further."""

_MIN_WINDOW = timedelta(milliseconds=1)
_EDGE_SPAN = timedelta(seconds=1)


class HistoryReader(Generic[Row]):
    """Rows of a history from `since` to `until`, both included.

    An error of the exchange ends the iteration; iterating again repeats the request that failed, and a row that was
    returned never comes again. Neighbouring windows share their edge, since nobody documents whether edges belong to a
    window: a row on the edge is recognised by its key.
    """

    def __init__(
        self,
        transport: Transport,
        function: ReadFunction[P, HistoryPage[Row]]
        | ReadFunction[P, SparseHistoryPage[Row]]
        | ReadFunction[P, list[Row]],
        params: Parameters,
        since: datetime,
        until: datetime,
        *,
        size: int | None = None,
        check: Callable[[Row], object] | None = None,
    ) -> None:
        """`params` are further parameters by the exchange's names; `size` asks for smaller pages than the maximum.

        `check` is given each row of an answer; an Implausible that it raises rejects the answer.
        """
        if function.history is None:
            raise ValueError(f"{function.name} is no history")
        self._transport = transport
        self._function: ReadFunction[..., Any] = function
        self._params = dict(params)
        self._check = check
        self._paging: HistoryPaging = function.history
        self._size = min(size or self._paging.page_size, self._paging.page_size)
        earliest = since if self._paging.retention is None else max(since, until - self._paging.retention)
        self._windows = deque(split_window(earliest, until, self._paging.max_window) if earliest <= until else ())
        self._cursor: int | None = None
        self._collected: dict[RowKey, Row] = {}
        self._edge: dict[RowKey, datetime] = {}
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
        """Read the oldest window by as many requests as it takes; rows that arrived survive a failure."""
        match self._paging.cursor:
            case "page":
                await self._read_pages()
            case "after":
                await self._read_after()
            case "from":
                if not await self._read_or_split():
                    return
            case "none":
                self._collect(await self._request({}))
        self._finish_window()

    async def _read_pages(self) -> None:
        while True:
            number = self._cursor or 1
            page = await self._request({"current": number, "size": self._size})
            self._collect(page.rows)
            if not page.rows or number * self._size >= page.total or number >= MAX_PAGES:
                return
            self._cursor = number + 1

    async def _read_after(self) -> None:
        """Read by an id that is itself excluded. Without an id only the newest rows would come."""
        for _ in range(MAX_PAGES):
            rows = await self._request({self._paging.cursor_param: self._cursor or 0, "limit": self._size})
            self._collect(rows)
            if len(rows) < self._size:
                return
            self._cursor = max(self._row_id(row) for row in rows)

    async def _read_or_split(self) -> bool:
        """Return whether the window was read. A full answer does not say which rows it left out: the window is halved.

        A window too short for that is read by an id, itself included, which is not bound to a window.
        """
        start, end = self._windows[0]
        if self._cursor is None:
            rows = await self._request({"limit": self._size})
            if len(rows) < self._size:
                self._collect(rows)
                return True
            if end - start > _MIN_WINDOW:
                middle = start + (end - start) / 2
                middle -= timedelta(microseconds=middle.microsecond % 1000)
                self._windows[0] = (max(middle, start + _MIN_WINDOW), end)
                self._windows.appendleft((start, max(middle, start + _MIN_WINDOW)))
                return False
            self._collect(rows)
            self._cursor = min(self._row_id(row) for row in rows)
        for _ in range(MAX_PAGES):
            rows = await self._request({self._paging.cursor_param: self._cursor, "limit": self._size}, within=False)
            self._collect([row for row in rows if self._row_time(row) <= end])
            last = max((self._row_id(row) for row in rows), default=self._cursor)
            if len(rows) < self._size or last == self._cursor or any(self._row_time(row) > end for row in rows):
                break
            self._cursor = last
        return True

    async def _request(self, further: Parameters, *, within: bool = True) -> Any:
        start, end = self._windows[0]
        times = {"startTime": to_milliseconds(start), "endTime": to_milliseconds(end)} if within else {}
        params = self._function.request_params({**self._params, **times, **further})
        return await self._transport.fetch(self._function.with_weight(params), params, self._accept)

    def _accept(self, answer: Any, _: ApiResponse) -> Any:
        if self._check is not None:
            for row in getattr(answer, "rows", answer):
                self._check(row)
        return answer

    def _collect(self, rows: Sequence[Row]) -> None:
        for row in rows:
            key = self._row_key(row)
            if key not in self._edge:
                self._collected[key] = row

    def _finish_window(self) -> None:
        _, end = self._windows.popleft()
        rows = sorted(self._collected.values(), key=lambda row: (self._row_time(row), self._row_key(row)))
        self._ready.extend(rows)
        # Rows on the edge come with the next window too. A second is more than any rounding of their times.
        seen = {**self._edge, **{self._row_key(row): self._row_time(row) for row in rows}}
        self._edge = {key: at for key, at in seen.items() if end - at <= _EDGE_SPAN}
        self._collected = {}
        self._cursor = None

    def _row_key(self, row: Row) -> RowKey:
        return tuple(getattr(row, name) for name in self._paging.key_fields)

    def _row_id(self, row: Row) -> int:
        # One of our own fields, named as the exchange's cursor or as the first part of the key.
        number: int = getattr(row, self._paging.key_fields[0])
        return number

    def _row_time(self, row: Row) -> datetime:
        at: datetime = getattr(row, self._paging.time_field)
        return at
