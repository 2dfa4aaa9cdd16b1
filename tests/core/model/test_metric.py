"""The catalogue of metrics against the published table."""

import re

import pytest

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, MetricUnit, metrics_of

PUBLISHED: dict[MetricScope, str] = {
    "cross": """margin_level polled_margin_level collateral_margin_level initial_level margin_call_level
        liquidation_level assets_usdt liabilities_usdt equity_usdt interest_usdt distance_to_liquidation
        drop_to_liquidation rise_to_liquidation drop_to_margin_call time_to_liquidation_by_interest
        margin_level_change_5m liquidation_odds_1d liquidation_odds_7d worst_level_1d""",
    "isolated": """margin_level polled_margin_level initial_level margin_call_level liquidation_level assets_usdt
        liabilities_usdt equity_usdt interest_usdt distance_to_liquidation drop_to_liquidation rise_to_liquidation
        drop_to_margin_call time_to_liquidation_by_interest margin_level_change_5m status index_price
        liquidation_price base_held quote_held base_borrowed quote_borrowed time_to_delist liquidation_odds_1d
        liquidation_odds_7d worst_level_1d""",
    "asset": """held owed price_usdt hourly_rate next_hourly_rate annual_rate rate_change_24h interest_24h_usdt
        interest_30d_usdt peg_deviation peg_ratio time_to_delist monitoring_tag spot_free funding_free""",
    "account": """orders_open liquidations_24h foreign_movements_24h liquidation_loan_usdt key_accepted
        key_can_withdraw key_ip_restricted time_to_key_expiry actions_blocked""",
    "monitor": """data_age poll_interval price_age stream_connected stream_silence clock_offset weight_used live_drift
        notifications_failing store_failing store_space_low account_failing lease_held conditions_unknown""",
}


@pytest.mark.parametrize("scope", PUBLISHED)
def test_every_scope_has_exactly_the_published_metrics(scope: MetricScope) -> None:
    assert {metric.name for metric in metrics_of(scope)} == set(PUBLISHED[scope].split())


def test_no_metric_lies_outside_the_scopes() -> None:
    assert set(METRICS) == set(" ".join(PUBLISHED.values()).split())
    assert all(metric.scopes and metric.low < metric.high and metric.meaning for metric in METRICS.values())


@pytest.mark.parametrize(
    ("name", "exposed"),
    [
        ("margin_level", "margin_monitor_margin_level_ratio"),
        ("assets_usdt", "margin_monitor_assets_usdt"),
        ("interest_24h_usdt", "margin_monitor_interest_24h_usdt"),
        ("time_to_delist", "margin_monitor_time_to_delist_seconds"),
        ("data_age", "margin_monitor_data_age_seconds"),
        ("distance_to_liquidation", "margin_monitor_distance_to_liquidation_ratio"),
        ("weight_used", "margin_monitor_weight_used_ratio"),
        ("orders_open", "margin_monitor_orders_open"),
        ("held", "margin_monitor_held"),
        ("liquidation_odds_1d", "margin_monitor_liquidation_odds_1d_ratio"),
        ("worst_level_1d", "margin_monitor_worst_level_1d_ratio"),
    ],
)
def test_exposed_names_end_in_their_base_unit(name: str, exposed: str) -> None:
    assert METRICS[name].exposition == exposed


def test_exposed_names_are_distinct_and_well_formed() -> None:
    names = [metric.exposition for metric in METRICS.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"margin_monitor_[a-z][a-z0-9_]*", name) for name in names)
    assert not [name for name in names if name.endswith(("_total", "_count", "_sum", "_bucket"))]


def test_only_the_pair_status_is_compared_as_text() -> None:
    assert [metric.name for metric in METRICS.values() if metric.unit is MetricUnit.STATUS] == ["status"]
