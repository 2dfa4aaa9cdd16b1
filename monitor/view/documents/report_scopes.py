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
from monitor.core.model.account import ScopeKind
from monitor.records.history import HistoryRow
from monitor.view.documents.types.report import LowestLevelDocument, NearestDistanceDocument, ReportScopeDocument
from monitor.view.documents.types.scopes import CrossDocument, IsolatedDocument
from monitor.view.json_values import json_decimal, json_time, parse_json_decimal

SeriesKey = tuple[str, str, str, str]
"""The key of a series: account, scope, subject and metric."""


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


def scope_entry(
    account: str, scope: ScopeKind, symbol: str | None, now: CrossDocument | IsolatedDocument, book: SeriesIndex
) -> ReportScopeDocument:
    """The scope as it is `now`, from its part of the status, and as it was recorded in the span."""
    levels, owed = (
        book.known_values(account, scope, symbol or "", metric) for metric in ("margin_level", "liabilities_usdt")
    )
    level = book.lowest(account, scope, symbol or "", "margin_level")
    distance = book.lowest(account, scope, symbol or "", "distance_to_liquidation")
    if now["state"] in ("ok", "no_debt"):
        level = _lower(now["margin_level"], level, book.span)
        distance = _lower(now["distance_to_liquidation"], distance, book.span)
    began, ends = first_value(owed), first_value(owed[::-1])
    change = ends.value - began.value if began is not None and ends is not None else None
    return {
        "scope": scope,
        "symbol": symbol,
        "state": now["state"],
        "as_of": now["as_of"],
        "age_s": now["age_s"],
        "margin_level": now["margin_level"],
        "initial_level": now["initial_level"],
        "margin_call_level": now["margin_call_level"],
        "liquidation_level": now["liquidation_level"],
        "distance_to_liquidation": now["distance_to_liquidation"],
        "lowest": None if level is None else _lowest_level(level),
        "nearest": None if distance is None else _nearest_distance(distance),
        "liabilities_usdt": json_decimal(ends.value) if ends is not None else None,
        "liabilities_change_usdt": json_decimal(change),
        "liabilities_since": json_time(began.at) if began is not None else None,
        # A document of an older program has no such field.
        "past_day": now.get("past_day"),
        "unknown": [
            {"since": json_time(gap.since), "until": json_time(gap.until)} for gap in unknown_ranges(levels, book.span)
        ],
        "line": [(json_time(at), json_decimal(value)) for at, value in sparkline_points(levels, book.span)],
    }


def _lower(present: str | None, recorded: Extreme | None, span: TimeRange) -> Extreme | None:
    """The lowest recorded value, or the present one where it is lower: prices move between two samples."""
    value = parse_json_decimal(present)
    if value is not None and (recorded is None or value < recorded.value):
        return Extreme(value, span.until)
    return recorded


def _lowest_level(lowest: Extreme) -> LowestLevelDocument:
    return {"margin_level": json_decimal(lowest.value), "at": json_time(lowest.at)}


def _nearest_distance(lowest: Extreme) -> NearestDistanceDocument:
    return {"distance_to_liquidation": json_decimal(lowest.value), "at": json_time(lowest.at)}
