"""The names of `/metrics`: all that were promised, and why one is missing."""

from monitor.core.model.metric import METRICS
from monitor.web.metrics.catalog import DAEMON_METRICS, METRIC_LABELS, exported_names

PROMISED = {
    "cross": "margin_level polled_margin_level collateral_margin_level initial_level margin_call_level "
    "liquidation_level assets_usdt liabilities_usdt equity_usdt interest_usdt distance_to_liquidation "
    "drop_to_liquidation rise_to_liquidation drop_to_margin_call time_to_liquidation_by_interest "
    "margin_level_change_5m liquidation_odds_1d liquidation_odds_7d worst_level_1d",
    "isolated": "margin_level polled_margin_level initial_level margin_call_level liquidation_level assets_usdt "
    "liabilities_usdt equity_usdt interest_usdt distance_to_liquidation drop_to_liquidation rise_to_liquidation "
    "drop_to_margin_call time_to_liquidation_by_interest margin_level_change_5m status index_price "
    "liquidation_price base_borrowed quote_borrowed time_to_delist",
    "asset": "held owed hourly_rate annual_rate rate_change_24h interest_24h_usdt interest_30d_usdt peg_deviation "
    "time_to_delist spot_free funding_free",
    "account": "orders_open liquidations_24h liquidation_loan_usdt key_accepted key_can_withdraw key_ip_restricted "
    "time_to_key_expiry actions_blocked",
    "monitor": "data_age poll_interval price_age stream_connected stream_silence clock_offset weight_used live_drift "
    "notifications_failing store_failing conditions_unknown account_failing lease_held",
}
"""The metrics of each scope that users build upon."""

NOT_BUILT: dict[str, str] = {}

PROMISED_OF_THE_DAEMON = {
    "build_info": ("version",),
    "config_last_reload_successful": (),
    "actions_total": ("kind", "result"),
    "notifications_total": ("channel", "result"),
    "polls_total": ("account", "read", "result"),
    "events_total": ("account", "type"),
}


def test_every_promised_metric_is_there_or_has_a_reason() -> None:
    missing = {
        name
        for scope, names in PROMISED.items()
        for name in names.split()
        if name not in METRICS or scope not in METRICS[name].scopes
    }
    # Whoever builds one of them takes its reason away.
    assert {name for name in missing if name not in NOT_BUILT} == set()
    assert missing == {name for name in NOT_BUILT if name not in METRICS}


def test_every_promised_metric_of_the_daemon_is_there_with_its_labels() -> None:
    assert {name: DAEMON_METRICS[name].labels for name in PROMISED_OF_THE_DAEMON} == PROMISED_OF_THE_DAEMON


def test_names_carry_prefix_and_unit() -> None:
    exposed = {name: metric.exposition for name, metric in METRICS.items()}
    assert exposed["margin_level"] == "margin_monitor_margin_level_ratio"
    assert exposed["distance_to_liquidation"] == "margin_monitor_distance_to_liquidation_ratio"
    assert exposed["data_age"] == "margin_monitor_data_age_seconds"
    assert exposed["assets_usdt"] == "margin_monitor_assets_usdt"
    assert exposed["orders_open"] == "margin_monitor_orders_open"


def test_no_name_has_two_meanings() -> None:
    assert len(exported_names()) == len(METRICS) + len(DAEMON_METRICS)


def test_every_scope_has_its_labels() -> None:
    assert set(METRIC_LABELS) == {scope for metric in METRICS.values() for scope in metric.scopes}
