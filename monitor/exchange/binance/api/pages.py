"""Readers of histories: by windows of time, and by pages numbered from 1 with a total."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from monitor.core.model.order import ExchangeRecord, TimeWindow
from monitor.exchange.binance.api.history import split_window

Row = TypeVar("Row")

PAGE_SIZE = 100
"""Maximum rows that the exchange returns at once."""

_MAX_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Wanted rows of one page, the number of all its rows, and the number of rows in the whole history."""

    rows: Sequence[Row]
    received: int
    total: int


async def iterate_pages(read: Callable[[int], Awaitable[Page[Row]]]) -> AsyncIterator[Row]:
    """Yield every row of all pages. `read` is given the page number."""
    for number in range(1, _MAX_PAGES + 1):
        page = await read(number)
        for row in page.rows:
            yield row
        if not page.received or number * PAGE_SIZE >= page.total:
            return


async def read_records(
    window: TimeWindow, span: timedelta, read: Callable[[datetime, datetime, int], Awaitable[Page[ExchangeRecord]]]
) -> tuple[ExchangeRecord, ...]:
    """Return every record within the window, newest first, each once.

    `read` is given the beginning and end of a window of at most `span`, and the page number.
    """
    found: dict[str, ExchangeRecord] = {}
    for start, end in split_window(window.since, window.until, span):
        async for record in iterate_pages(functools.partial(read, start, end)):
            found[record.ref] = record
    return tuple(sorted(found.values(), key=lambda record: record.at, reverse=True))
