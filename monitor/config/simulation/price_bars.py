"""Files of price bars: CSV, plain or gzip."""

import csv
import gzip
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from monitor.core.model.price_history import PriceBar
from monitor.core.numbers.amounts import parse_amount
from monitor.errors import ConfigError

PRICE_BAR_COLUMNS = ("open_time_ms", "open", "high", "low", "close")
_MEND = "columns are open_time_ms,open,high,low,close,volume"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MILLISECONDS = 4_102_444_800_000
_TIME_COLUMNS = ("open_time_ms", "open_time", "opentime", "time", "timestamp")
"""Accepted names of the first column, in any case and with blanks or underscores."""


def read_price_bars(path: Path) -> tuple[PriceBar, ...]:
    """The bars of a file, oldest first; at least one. A header line is skipped.

    Times are milliseconds or, as in the exchange's files since 2025, microseconds. Raises ConfigError with the line.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no CSV, or broken"
        raise ConfigError(f"can't read {path} ({reason})", where="--prices", mend="give a .csv or .csv.gz") from error
    bars: list[PriceBar] = []
    for number, row in enumerate(csv.reader(io.StringIO(text)), start=1):
        if not row or (number == 1 and _is_heading(row)):
            continue
        where = f"{path.name}: line {number}"
        bar = _bar(row, where)
        if bars and bar.opens_at <= bars[-1].opens_at:
            raise ConfigError("is not later than the line before it", where=where, mend="sort the file by time")
        bars.append(bar)
    if not bars:
        raise ConfigError("has no bars", where=path.name, mend=_MEND)
    return tuple(bars)


def _is_heading(row: list[str]) -> bool:
    names = [name.strip().lower().replace(" ", "_") for name in row[: len(PRICE_BAR_COLUMNS)]]
    return names[0] in _TIME_COLUMNS and tuple(names[1:]) == PRICE_BAR_COLUMNS[1:]


def _bar(row: list[str], where: str) -> PriceBar:
    if len(row) < len(PRICE_BAR_COLUMNS):
        raise ConfigError(f"has {len(row)} columns", where=where, mend=_MEND)
    stamp = row[0].strip()
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16 and int(stamp) < _MAX_MILLISECONDS * 1000):
        raise ConfigError(f"{stamp[:40]!r} is no time in milliseconds or microseconds", where=where, mend=_MEND)
    microseconds = int(stamp) if int(stamp) >= _MAX_MILLISECONDS else int(stamp) * 1000
    try:
        values: list[Decimal] = [parse_amount(word) for word in row[1:5]]
    except ValueError as error:
        raise ConfigError(str(error), where=where, mend=_MEND) from error
    opened, high, low, close = values
    if not 0 < low <= min(opened, close) <= max(opened, close) <= high:
        raise ConfigError("its low and high don't enclose its open and close", where=where, mend=_MEND)
    return PriceBar(_EPOCH + timedelta(microseconds=microseconds), opened, high, low, close)
