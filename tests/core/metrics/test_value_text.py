"""Metric values in words."""

from decimal import Decimal

import pytest

from monitor.core.alerting.condition_summary import summarize_condition
from monitor.core.metrics.snapshot import measure_subject
from monitor.core.metrics.value_text import value_text
from monitor.core.model.metric import METRICS, MetricUnit, MetricValue, MissingValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.numbers.amounts import INFINITE
from monitor.core.numbers.durations import span_text
from tests.support.examples.accounts import NOW, SETTINGS, cross_account_state


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("margin_level", Decimal("1.0999"), "1.09"),
        ("margin_level", Decimal("1.8333333"), "1.83"),
        ("margin_level", INFINITE, "infinite"),
        ("margin_level", MissingValue.UNAVAILABLE, "unknown"),
        ("distance_to_liquidation", Decimal("0.0869565"), "8.7 %"),
        ("assets_usdt", Decimal("110000"), "110,000.00 USDT"),
        ("data_age", Decimal("190.5"), "3m 10s"),
        ("status", Decimal(2), "MARGIN_CALL"),
        ("key_accepted", Decimal(0), "no"),
        ("liquidations_24h", Decimal(3), "3"),
        ("held", Decimal("0.50000000"), "0.5"),
        ("index_price", Decimal("1E+2"), "100"),
    ],
)
def test_value_reads_by_its_unit(metric: str, value: MetricValue, text: str) -> None:
    assert value_text(metric, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("0", "0s"),
        ("8.9", "8s"),
        ("60", "1m"),
        ("130", "2m 10s"),
        ("3600", "1h"),
        ("3605", "1h"),
        ("273600", "3d 4h"),
        ("259260", "3d"),
        ("-120", "-2m"),
        ("-0.5", "0s"),
    ],
)
def test_duration_is_worded_in_its_two_largest_units(seconds: str, text: str) -> None:
    assert span_text(Decimal(seconds)) == text


def test_summary_is_the_first_metric_of_the_condition() -> None:
    figures = measure_subject(cross_account_state(), SETTINGS, ("cross", ""), NOW)
    assert summarize_condition(("margin_level", "initial_level"), figures) == "margin level 1.83"
    assert summarize_condition(("no_such",), figures) == "no such unknown"
    assert summarize_condition((), figures) == "cross"


def test_counts_are_worded_naturally() -> None:
    def said(metric: str, count: int) -> str:
        return summarize_condition(
            (metric,), MetricValues("account", "", "ok", NOW, "poll", {}, {metric: Decimal(count)})
        )

    assert said("liquidations_24h", 1) == "1 liquidation in 24 h"
    assert said("liquidations_24h", 2) == "2 liquidations in 24 h"
    assert said("notifications_failing", 1) == "1 channel failing"
    assert said("orders_open", 0) == "0 open orders"
    assert said("actions_blocked", 3) == "3 actions blocked"
    counts = {name for name, metric in METRICS.items() if metric.unit is MetricUnit.COUNT}
    assert all(said(name, 1).startswith("1 ") for name in counts)
