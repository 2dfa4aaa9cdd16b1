"""Time windows and pages of history endpoints."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.endpoints.registry import EndpointCall

DAY_MS = 24 * 3600 * 1000
MAX_PAGE = 100

Row = TypeVar("Row")


def invalid_dates() -> SimApiError:
    """-3011: the window is invalid."""
    return SimApiError(-3011, "Your input date is invalid.")


def time_window(
    call: EndpointCall,
    *,
    default_days: int = 7,
    span_days: int | None = None,
    depth_days: int | None = None,
    too_long: Callable[[], SimApiError] = invalid_dates,
) -> tuple[int, int]:
    """First and last millisecond of the rows to show.

    Without times the last `default_days`; with the start alone up to now; with the end alone `default_days` before it.
    Longer than `span_days` is refused; older than `depth_days` is cut off.
    """
    start, end = call.params.integer("startTime"), call.params.integer("endTime")
    now = call.now_ms
    last = now if end is None else end
    first = last - default_days * DAY_MS if start is None else start
    if first > last:
        raise invalid_dates()
    if span_days is not None and last - first > span_days * DAY_MS:
        if start is None or end is not None:
            raise too_long()
        first = last - span_days * DAY_MS
    if depth_days is not None:
        first = max(first, now - depth_days * DAY_MS)
    return first, last if call.venue.scenario.readings.window_end == "included" else last - 1


def visible_rows(
    call: EndpointCall, rows: Iterable[Row], when: Callable[[Row], int], lag_s: int | None = None
) -> list[Row]:
    """The rows that the histories already show, newest first. `lag_s` replaces the scenario's lag."""
    horizon = call.now_ms - (call.venue.scenario.readings.history_lag_s if lag_s is None else lag_s) * 1000
    return [row for row in reversed(list(rows)) if when(row) <= horizon]


def paginate(
    call: EndpointCall, rows: Sequence[Row], show: Callable[[Row], object], *, size: int = 10
) -> dict[str, object]:
    """One page of `rows` by `current` and `size`, with the total."""
    current = call.params.integer("current") or 1
    wanted = min(MAX_PAGE, call.params.integer("size") or size)
    if current < 1 or wanted < 1:
        raise invalid_dates()
    chosen = rows[(current - 1) * wanted : current * wanted]
    return {"rows": [show(row) for row in chosen], "total": len(rows)}
