"""One scope of a report: current level, lowest of the span, and times without figures."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from monitor.core.engine.history_summary import (
    Extreme,
    KnownValue,
    TimeRange,
    first_value,
    known_values,
    lowest_value,
    ranges_where,
    sparkline_points,
    unknown_ranges,
)
from monitor.records.history import HistoryRow
from monitor.view.json_values import Document, json_decimal, json_time

_CURRENT_FIELDS = (
    "state",
    "as_of",
    "age_s",
    "margin_level",
    "initial_level",
    "margin_call_level",
    "liquidation_level",
    "distance_to_liquidation",
)


SeriesKey = tuple[str, str, str, str]
"""The key of a series: account, scope, subject and metric."""


_LOWS = ("margin_level", "distance_to_liquidation")


class SeriesIndex:
    """The recorded series by key, limited to the span; and values that alerts recorded between samples."""

    def __init__(
        self,
        series: Sequence[HistoryRow],
        downtime: Sequence[TimeRange],
        span: TimeRange,
        alert_values: Mapping[SeriesKey, Sequence[Extreme]],
    ) -> None:
        self._alert_values = alert_values
        self._series: dict[SeriesKey, HistoryRow] = {
            (recorded.account, recorded.scope, recorded.subject, recorded.metric): recorded for recorded in series
        }
        self._downtime = downtime
        self.span = span

    def known_values(self, account: str, scope: str, subject: str, metric: str) -> tuple[KnownValue, ...]:
        """The known values of a series in the span; empty when there are none."""
        one = self._series.get((account, scope, subject, metric))
        return () if one is None else known_values(one.points, self._downtime, self.span)

    def lowest(self, account: str, scope: str, subject: str, metric: str) -> Extreme | None:
        """The lowest value of a series, recorded by a sample or by an alert; None while there is none."""
        seen = [*self._alert_values.get((account, scope, subject, metric), ())]
        sampled = lowest_value(self.known_values(account, scope, subject, metric))
        seen += [] if sampled is None else [sampled]
        return min(seen, key=lambda extreme: (extreme.value, extreme.at), default=None)

    def times_where(
        self, account: str, scope: str, subject: str, metric: str, predicate: Callable[[Decimal], bool]
    ) -> tuple[TimeRange, ...]:
        """The times in which `predicate` held for a series."""
        return ranges_where(self.known_values(account, scope, subject, metric), predicate)


def scope_entry(account: str, scope: str, symbol: str | None, now: Document, book: SeriesIndex) -> Document:
    """The scope as it is `now`, from its part of the status, and as it was recorded in the span."""
    levels, owed = (
        book.known_values(account, scope, symbol or "", metric) for metric in ("margin_level", "liabilities_usdt")
    )
    lows = {metric: book.lowest(account, scope, symbol or "", metric) for metric in _LOWS}
    here = now if now["state"] in ("ok", "no_debt") else None
    began, ends = first_value(owed), first_value(owed[::-1])
    change = ends.value - began.value if began is not None and ends is not None else None
    return {
        "scope": scope,
        "symbol": symbol,
        **{name: now[name] for name in _CURRENT_FIELDS},
        "lowest": _extreme("margin_level", lows["margin_level"], here, book.span),
        "nearest": _extreme("distance_to_liquidation", lows["distance_to_liquidation"], here, book.span),
        "liabilities_usdt": json_decimal(ends.value) if ends is not None else None,
        "liabilities_change_usdt": json_decimal(change),
        "liabilities_since": json_time(began.at) if began is not None else None,
        "unknown": [
            {"since": json_time(gap.since), "until": json_time(gap.until)} for gap in unknown_ranges(levels, book.span)
        ],
        "line": [[json_time(at), json_decimal(value)] for at, value in sparkline_points(levels, book.span)],
    }


def _extreme(metric: str, recorded: Extreme | None, now: Document | None, span: TimeRange) -> Document | None:
    """The lowest recorded value, or the present one where it is lower: prices move between two samples."""
    present = None if now is None or now[metric] is None else Decimal(now[metric])
    if present is not None and (recorded is None or present < recorded.value):
        recorded = Extreme(present, span.until)
    return None if recorded is None else {metric: json_decimal(recorded.value), "at": json_time(recorded.at)}
