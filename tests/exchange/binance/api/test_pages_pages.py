"""Reads of windows and pages, which lose and add nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.exchange.binance.api.history import split_window
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, iterate_pages

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=7)


@given(st.integers(0, 90 * 86400))
def test_windows_cover_everything_and_none_is_too_long(seconds: int) -> None:
    until = START + timedelta(seconds=seconds)
    found = list(split_window(START, until, SPAN))
    assert (found[0][0], found[-1][1]) == (START, until)
    assert all(end - start <= SPAN for start, end in found)
    assert all(found[at][1] == found[at + 1][0] for at in range(len(found) - 1))


@given(st.integers(0, 450))
async def test_pages_give_every_row_once_and_ask_no_more_than_needed(total: int) -> None:
    rows = list(range(total))
    asked: list[int] = []

    async def read(number: int) -> Page[int]:
        asked.append(number)
        page = rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        return Page(page, len(page), total)

    assert [row async for row in iterate_pages(read)] == rows
    assert asked == list(range(1, max(1, -(-total // PAGE_SIZE)) + 1))


async def test_page_of_filtered_rows_is_not_the_end() -> None:
    async def read(number: int) -> Page[int]:
        return Page([] if number == 1 else [number], PAGE_SIZE, 2 * PAGE_SIZE)

    assert [row async for row in iterate_pages(read)] == [2]
