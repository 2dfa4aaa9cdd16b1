"""Metrics of the account as a whole that come from activity and reference reads."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import ACCOUNT_SUBJECT, measure_subject
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.model.reads import LiquidationLoanRead, ListingScheduleRead, MonitoringTagsRead, OpenOrdersRead
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    prices,
)

D = Decimal
PAIR = Scope("BTCUSDT")
SOON = Delisting(after(86_400), frozenset({"ETH"}), frozenset({"BTCUSDT"}))


def account_figures(state: AccountState, metric: str, settings: AccountSettings = SETTINGS) -> MetricValue:
    return measure_subject(state, settings, ACCOUNT_SUBJECT, NOW).read(metric)


def test_orders_are_counted_over_all_scopes_once_all_are_known() -> None:
    state = apply_events(new_account_state(), CrossRead(cross_snapshot()))
    assert account_figures(state, "orders_open") is MissingValue.UNAVAILABLE
    state = apply_events(state, IsolatedRead(isolated_snapshot(long_pair())))
    assert account_figures(state, "orders_open") is MissingValue.UNAVAILABLE
    state = apply_events(state, OpenOrdersRead(CROSS, frozenset({1, 2}), NOW))
    assert account_figures(state, "orders_open") == 2


def test_a_liquidation_loan_is_valued_and_nothing_owed_is_zero() -> None:
    state = cross_account_state()
    assert account_figures(state, "liquidation_loan_usdt") is MissingValue.UNAVAILABLE
    assert account_figures(apply_events(state, LiquidationLoanRead("USDC", D(0), NOW)), "liquidation_loan_usdt") == 0
    owing = apply_events(state, LiquidationLoanRead("USDC", D(700), NOW))
    assert account_figures(owing, "liquidation_loan_usdt") is MissingValue.UNAVAILABLE
    priced = apply_events(owing, PricesRead(prices(USDCUSDT="0.999")))
    assert account_figures(priced, "liquidation_loan_usdt") == D("699.3")


def test_without_cross_there_is_no_liquidation_loan() -> None:
    settings = replace(SETTINGS, cross=False)
    assert account_figures(new_account_state(), "liquidation_loan_usdt", settings) is MissingValue.NOT_APPLICABLE


def test_the_time_to_a_delisting_counts_down_and_ends_at_zero() -> None:
    state = apply_events(
        cross_account_state(), IsolatedRead(isolated_snapshot()), ListingScheduleRead((SOON,), Restrictions(), NOW)
    )
    assert measure_subject(state, SETTINGS, ("asset", "ETH"), NOW).read("time_to_delist") == 86_400
    assert measure_subject(state, SETTINGS, ("asset", "ETH"), after(60)).read("time_to_delist") == 86_340
    assert measure_subject(state, SETTINGS, ("asset", "BTC"), NOW).read("time_to_delist") == INFINITE
    then = after(90_000)
    late = apply_events(
        state,
        CrossRead(cross_snapshot(then)),
        IsolatedRead(isolated_snapshot(at=then)),
        ListingScheduleRead((SOON,), Restrictions(), then),
    )
    assert measure_subject(late, SETTINGS, ("asset", "ETH"), then).read("time_to_delist") == 0


def test_monitoring_tag_is_reported_while_the_tags_are_fresh() -> None:
    state = apply_events(
        cross_account_state(), IsolatedRead(isolated_snapshot()), MonitoringTagsRead(frozenset({"ETH"}), NOW)
    )
    assert measure_subject(state, SETTINGS, ("asset", "ETH"), NOW).read("monitoring_tag") == 1
    assert measure_subject(state, SETTINGS, ("asset", "BTC"), NOW).read("monitoring_tag") == 0
    old = measure_subject(
        state, SETTINGS, ("asset", "ETH"), NOW + SETTINGS.reference_stale_after + timedelta(seconds=1)
    )
    assert old.read("monitoring_tag") is MissingValue.UNAVAILABLE
    assert (
        measure_subject(cross_account_state(), SETTINGS, ("asset", "ETH"), NOW).read("monitoring_tag")
        is MissingValue.UNAVAILABLE
    )


def test_a_pair_is_delisted_as_a_pair() -> None:
    state = apply_events(
        new_account_state(),
        IsolatedRead(isolated_snapshot(long_pair())),
        ListingScheduleRead((SOON,), Restrictions(), NOW),
    )
    assert measure_subject(state, SETTINGS, ("isolated", "BTCUSDT"), NOW).read("time_to_delist") == 86_400


def test_schedule_unread_for_three_intervals_is_unavailable() -> None:
    then = NOW - timedelta(hours=19)
    state = apply_events(cross_account_state(), ListingScheduleRead((SOON,), Restrictions(), then))
    assert measure_subject(state, SETTINGS, ("asset", "ETH"), NOW).read("time_to_delist") is MissingValue.UNAVAILABLE
    assert (
        measure_subject(cross_account_state(), SETTINGS, ("asset", "ETH"), NOW).read("time_to_delist")
        is MissingValue.UNAVAILABLE
    )
