"""Hourly bars of the past: finished ones alone; rows that contradict themselves are left out and named."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from monitor.core.model.price_history import HOUR, HourSpan, PriceBar
from monitor.exchange.binance.wire.market_data import BarRow
from monitor.exchange.binance.wire.numbers import ImplausibleValue
from monitor.exchange.binance.wire.plain_values import to_datetime, to_decimal
from monitor.exchange.binance.wire.row_decoding import RejectedRow

HOURLY = "1h"
"""The exchange's word for the length of the bars."""

_OPEN_SPAN = HOUR - timedelta(milliseconds=1)
"""Time from the open of a bar to its close as the exchange writes it."""


def parse_hourly_bars(
    rows: Iterable[BarRow], symbol: str, span: HourSpan, *, now: datetime, rejected_rows: list[RejectedRow]
) -> tuple[PriceBar, ...]:
    """Return the bars that were finished at `now`; rows that contradict themselves are added to `rejected_rows`.

    Raises Implausible for rows of another time than `span`, rows out of order, and an answer of which most is wrong.
    """
    found: list[PriceBar] = []
    previous: datetime | None = None
    for row in rows:
        at = to_datetime(row.open_time)
        if previous is not None and at <= previous:
            raise ImplausibleValue(f"bars of {symbol} are out of order at {_text(at)}")
        if not span.since <= at < span.until:
            raise ImplausibleValue(f"a bar of {symbol} is of another time: {_text(at)}")
        previous = at
        why = _contradiction(row)
        if why:
            rejected_rows.append(RejectedRow(f"{symbol} {_text(at)}", why))
        elif at + HOUR <= now:
            prices = (to_decimal(price) for price in (row.open, row.high, row.low, row.close, row.volume))
            found.append(PriceBar(at, *prices))
    if rejected_rows and len(rejected_rows) >= len(found):
        raise ImplausibleValue(
            f"most bars of {symbol} are wrong, such as {rejected_rows[0].name}: {rejected_rows[0].why}"
        )
    return tuple(found)


def parse_listing_time(rows: Iterable[BarRow], symbol: str, *, now: datetime) -> datetime | None:
    """Return the open of the first bar; None without one. Raises Implausible for a bar that contradicts itself."""
    first = next(iter(rows), None)
    if first is None:
        return None
    at = to_datetime(first.open_time)
    why = _contradiction(first) or ("it lies in the future" if at > now else "")
    if why:
        raise ImplausibleValue(f"the first bar of {symbol}, {_text(at)}: {why}")
    return at


def _contradiction(row: BarRow) -> str:
    """Return why the bar can't be true; empty if it can."""
    at = row.open_time
    if at.minute or at.second or at.microsecond:
        return "it does not begin at a full hour"
    if row.close_time - at != _OPEN_SPAN:
        return "it does not last an hour"
    if min(row.open, row.high, row.low, row.close) <= 0:
        return "a price is not above zero"
    if row.volume < 0:
        return "its volume is negative"
    if row.high < row.low:
        return "its high is below its low"
    if not (row.low <= row.open <= row.high and row.low <= row.close <= row.high):
        return "its open or close is not between its low and high"
    return ""


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
