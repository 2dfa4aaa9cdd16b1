"""The figures of an account as a whole that come from its surroundings."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.metrics.snapshot import ACCOUNT, figures_of
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead
from monitor.core.model.lending_terms import Delisting, Restricted
from monitor.core.model.metric import Missing, Value
from monitor.core.model.reads import LiquidationLoanRead, OrdersRead, SchedulesRead, TagsRead
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    cross,
    isolated,
    long_pair,
    prices,
    started,
    told,
    watched,
)

D = Decimal
PAIR = Scope("BTCUSDT")
SOON = Delisting(after(86_400), frozenset({"ETH"}), frozenset({"BTCUSDT"}))


def account(state: AccountState, metric: str, settings: Settings = SETTINGS) -> Value:
    return figures_of(state, settings, ACCOUNT, NOW).read(metric)


def test_orders_are_counted_over_all_scopes_once_all_are_known() -> None:
    state = told(started(), CrossRead(cross()))
    assert account(state, "orders_open") is Missing.UNAVAILABLE
    state = told(state, IsolatedRead(isolated(long_pair())))
    assert account(state, "orders_open") is Missing.UNAVAILABLE
    state = told(state, OrdersRead(CROSS, frozenset({1, 2}), NOW))
    assert account(state, "orders_open") == 2


def test_a_liquidation_loan_is_valued_and_nothing_owed_is_zero() -> None:
    state = watched()
    assert account(state, "liquidation_loan_usdt") is Missing.UNAVAILABLE
    assert account(told(state, LiquidationLoanRead("USDC", D(0), NOW)), "liquidation_loan_usdt") == 0
    owing = told(state, LiquidationLoanRead("USDC", D(700), NOW))
    assert account(owing, "liquidation_loan_usdt") is Missing.UNAVAILABLE
    priced = told(owing, PricesRead(prices(USDCUSDT="0.999")))
    assert account(priced, "liquidation_loan_usdt") == D("699.3")


def test_without_cross_there_is_no_liquidation_loan() -> None:
    settings = replace(SETTINGS, cross=False)
    assert account(started(), "liquidation_loan_usdt", settings) is Missing.NOT_APPLICABLE


def test_the_time_to_a_delisting_counts_down_and_ends_at_zero() -> None:
    state = told(watched(), IsolatedRead(isolated()), SchedulesRead((SOON,), Restricted(), NOW))
    assert figures_of(state, SETTINGS, ("asset", "ETH"), NOW).read("time_to_delist") == 86_400
    assert figures_of(state, SETTINGS, ("asset", "ETH"), after(60)).read("time_to_delist") == 86_340
    assert figures_of(state, SETTINGS, ("asset", "BTC"), NOW).read("time_to_delist") == INFINITE
    then = after(90_000)
    late = told(
        state, CrossRead(cross(then)), IsolatedRead(isolated(at=then)), SchedulesRead((SOON,), Restricted(), then)
    )
    assert figures_of(late, SETTINGS, ("asset", "ETH"), then).read("time_to_delist") == 0


def test_what_is_tagged_monitoring_is_told_as_long_as_the_tags_are_young() -> None:
    state = told(watched(), IsolatedRead(isolated()), TagsRead(frozenset({"ETH"}), NOW))
    assert figures_of(state, SETTINGS, ("asset", "ETH"), NOW).read("monitoring_tag") == 1
    assert figures_of(state, SETTINGS, ("asset", "BTC"), NOW).read("monitoring_tag") == 0
    old = figures_of(state, SETTINGS, ("asset", "ETH"), NOW + SETTINGS.reference_stale_after + timedelta(seconds=1))
    assert old.read("monitoring_tag") is Missing.UNAVAILABLE
    assert figures_of(watched(), SETTINGS, ("asset", "ETH"), NOW).read("monitoring_tag") is Missing.UNAVAILABLE


def test_a_pair_is_delisted_as_a_pair() -> None:
    state = told(started(), IsolatedRead(isolated(long_pair())), SchedulesRead((SOON,), Restricted(), NOW))
    assert figures_of(state, SETTINGS, ("isolated", "BTCUSDT"), NOW).read("time_to_delist") == 86_400


def test_a_schedule_that_was_not_read_for_three_intervals_is_not_believed() -> None:
    then = NOW - timedelta(hours=19)
    state = told(watched(), SchedulesRead((SOON,), Restricted(), then))
    assert figures_of(state, SETTINGS, ("asset", "ETH"), NOW).read("time_to_delist") is Missing.UNAVAILABLE
    assert figures_of(watched(), SETTINGS, ("asset", "ETH"), NOW).read("time_to_delist") is Missing.UNAVAILABLE
