"""Value series of a rule test."""

from decimal import Decimal
from typing import cast

from monitor.config.errors import ErrorList, Location
from monitor.config.parsing import read_table
from monitor.config.simulation.rule_test_schema import SeriesTable
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, MetricValue
from monitor.errors import suggest_nearest
from monitor.simulation.rule_test import InputSeries

_NAMED_SCOPES = ("isolated", "asset")
"""Scopes whose subjects have names."""


def read_series(content: object, place: Location, mistakes: ErrorList) -> tuple[InputSeries, ...]:
    """The valid series; every error is collected."""
    if not isinstance(content, list):
        mistakes.add(place, "must be a list of tables", "write [[tests.series]] above each")
        return ()
    found: list[InputSeries] = []
    for index, table in enumerate(content):
        here = place.item(index)
        read = read_table(SeriesTable, table, "series", here, mistakes)
        series = None if read is None else _series(read, here, mistakes)
        found += [series] if series is not None else []
    return tuple(found)


def _series(table: SeriesTable, place: Location, mistakes: ErrorList) -> InputSeries | None:
    if (table.metric is None) == (table.price is None):
        mistakes.add(place, "is either of a metric or of a price", 'write metric = "margin_level" or price = "BTCUSDT"')
        return None
    values = cast("tuple[MetricValue | None, ...]", table.values)
    if table.price is not None:
        return _price(table, table.price, values, place, mistakes)
    name = table.metric or ""
    metric = METRICS.get(name)
    if metric is None:
        mistakes.add(place.key("metric"), f'no metric is called "{name}"', suggest_nearest(name, METRICS))
        return None
    scope = _scope(table, metric.scopes)
    if scope is None or scope not in metric.scopes:
        mend = f"it exists in {' and '.join(metric.scopes)}"
        mistakes.add(place.key("scope"), f"{name} needs another scope", mend)
        return None
    if (table.subject is None) == (scope in _NAMED_SCOPES):
        mend = 'write subject = "BTCUSDT" for a pair or "BTC" for an asset' if scope in _NAMED_SCOPES else "remove it"
        mistakes.add(place.key("subject"), "is missing" if scope in _NAMED_SCOPES else f"{scope} has none", mend)
        return None
    return InputSeries(values, (scope, table.subject or ""), name)


def _scope(table: SeriesTable, scopes: tuple[MetricScope, ...]) -> MetricScope | None:
    if table.scope is not None:
        return cast("MetricScope", table.scope)
    fitting = [scope for scope in scopes if (scope in _NAMED_SCOPES) == (table.subject is not None)]
    return fitting[0] if len(fitting) == 1 else scopes[0] if len(scopes) == 1 else None


def _price(
    table: SeriesTable, symbol: str, values: tuple[MetricValue | None, ...], place: Location, mistakes: ErrorList
) -> InputSeries | None:
    if table.scope is not None or table.subject is not None:
        mistakes.add(place, "a price has neither scope nor subject", "remove it")
        return None
    if any(isinstance(value, Decimal) and not 0 < value < Decimal("Infinity") for value in values):
        mistakes.add(place.key("values"), "a price is above 0", "correct it")
        return None
    return InputSeries(values, None, symbol)
