"""Odds as metrics: available, unavailable, infinite, not applicable; and the question about a scope."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.margin.levels import Totals
from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.metrics.cross import measure_cross, measure_pair
from monitor.core.metrics.odds import MAX_ODDS_AGE, changed_balances, find_odds, odds_question
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.events import CrossRead
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.model.odds import DAY, WEEK, OddsAnswer, OddsRead, OddsUnavailable, WindowOdds, WorstWindow
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SAMPLE_LEVEL,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    interest_charge,
    interest_read,
    long_pair,
    pair_account_state,
    sample_balances,
)

WITH_PAST = replace(SETTINGS, price_history=timedelta(days=90), stale_after=timedelta(days=1))
PAIR = Scope("BTCUSDT")
NAMES = ("liquidation_odds_1d", "liquidation_odds_7d", "worst_level_1d")


def lost(window: timedelta, windows: int, liquidated: int, level: str) -> WindowOdds:
    worst = WorstWindow(NOW - window, NOW, NOW, Decimal(level), {})
    return WindowOdds(window, windows, liquidated, worst)


MEASURED = OddsRead(
    {
        CROSS: (lost(DAY, 100, 3, "1.05"), lost(WEEK, 50, 4, "0.9")),
        PAIR: (lost(DAY, 200, 1, "1.1"), lost(WEEK, 10, 0, "1.3")),
    },
    NOW,
)


def cross_odds(state: AccountState, seconds: float = 0) -> tuple[MetricValue, ...]:
    values = measure_cross(state, WITH_PAST, after(seconds)).values
    return tuple(values[name] for name in NAMES)


def test_measured_odds_are_metrics_of_cross_and_of_each_pair() -> None:
    cross = apply_events(cross_account_state(), MEASURED)
    assert cross_odds(cross) == (Decimal("0.03"), Decimal("0.08"), Decimal("1.05"))
    pair = apply_events(pair_account_state(long_pair()), MEASURED)
    values = measure_pair(pair, WITH_PAST, "BTCUSDT", NOW).values
    assert tuple(values[name] for name in NAMES) == (Decimal("0.005"), Decimal(0), Decimal("1.1"))


def test_account_without_debt_has_odds_of_zero_whatever_was_measured() -> None:
    """So an alert resolves right after a full repayment, and no odds are needed for that."""
    repaid = CrossRead(cross_snapshot(level=INFINITE, balances={"BTC": Balance("BTC", free=Decimal(1))}))
    for state in (cross_account_state(), apply_events(cross_account_state(), MEASURED)):
        assert cross_odds(apply_events(state, repaid)) == (Decimal(0), Decimal(0), INFINITE)


def test_new_debt_is_not_measured_by_the_odds_of_an_account_without_one() -> None:
    read = OddsRead({CROSS: (WindowOdds(DAY, 0, 0), WindowOdds(WEEK, 0, 0))}, NOW)
    assert set(cross_odds(apply_events(cross_account_state(), read))) == {MissingValue.UNAVAILABLE}


@pytest.mark.parametrize(
    "read",
    [
        None,
        OddsRead({}, NOW, failure="killed"),
        OddsRead({PAIR: MEASURED.answers[PAIR]}, NOW),
        OddsRead({CROSS: (OddsUnavailable(DAY, "no past"), OddsUnavailable(WEEK, "no past"))}, NOW),
    ],
)
def test_odds_that_were_not_measured_are_unavailable(read: OddsRead | None) -> None:
    state = cross_account_state()
    assert set(cross_odds(state if read is None else apply_events(state, read))) == {MissingValue.UNAVAILABLE}


def test_failure_replaces_odds_of_earlier_balances() -> None:
    state = apply_events(cross_account_state(), MEASURED, OddsRead({}, after(60), failure="killed by signal 9"))
    assert set(cross_odds(state)) == {MissingValue.UNAVAILABLE}
    assert find_odds(state, CROSS, DAY, NOW) == OddsUnavailable(DAY, "killed by signal 9")


def test_odds_go_stale_after_two_hours() -> None:
    state, limit_s = apply_events(cross_account_state(), MEASURED), MAX_ODDS_AGE.total_seconds()
    assert cross_odds(state, limit_s)[0] == Decimal("0.03")
    assert set(cross_odds(state, limit_s + 1)) == {MissingValue.UNAVAILABLE}
    found: OddsAnswer | None = find_odds(state, CROSS, WEEK, after(limit_s + 1))
    assert found == OddsUnavailable(WEEK, "the last measurement is too old")


def test_odds_do_not_apply_without_past_prices() -> None:
    state = apply_events(cross_account_state(), MEASURED)
    values = measure_cross(state, SETTINGS, NOW).values
    assert {values[name] for name in NAMES} == {MissingValue.NOT_APPLICABLE}


def test_question_has_the_exchanges_level_and_every_balance() -> None:
    rated = apply_events(
        cross_account_state(),
        interest_read(interest_charge("ETH", NOW), interest_charge("USDT", NOW)),
    )
    asked = odds_question(measure_cross(rated, WITH_PAST, NOW))
    assert isinstance(asked, OddsQuestion)
    assert (asked.level, asked.liquidation_level) == (SAMPLE_LEVEL, Decimal("1.1"))
    assert asked.totals == Totals(Decimal(110_000), Decimal(60_000))
    bitcoin = next(row for row in asked.positions if row.asset == "BTC")
    assert (bitcoin.held, bitcoin.price) == (Decimal("1.5"), Decimal(60_000))
    assert all(row.hourly_rate > 0 for row in asked.positions if row.borrowed)
    assert ("ETH", Decimal(0), Decimal(10)) in changed_balances(asked)


def test_debt_at_an_unknown_rate_asks_no_question() -> None:
    metrics = measure_cross(cross_account_state(), WITH_PAST, NOW)
    assert odds_question(metrics) == "the interest rate of ETH, USDT is unknown"
    assert isinstance(odds_question(metrics, without_rates=True), OddsQuestion)
    assert changed_balances("the level is unknown") == ()


def test_pair_is_valued_at_its_index_price() -> None:
    metrics = measure_pair(pair_account_state(long_pair()), WITH_PAST, "BTCUSDT", NOW)
    asked = odds_question(metrics, without_rates=True)
    assert isinstance(asked, OddsQuestion)
    assert asked.positions == (
        OddsPosition("BTC", Decimal(1), Decimal(0), Decimal(0), Decimal(50_000)),
        OddsPosition("USDT", Decimal(0), Decimal(40_000), Decimal(0), Decimal(1)),
    )
    assert (asked.level, asked.liquidation_level) == (Decimal("1.25"), Decimal("1.15"))


def test_asset_without_a_price_is_the_rest_of_the_exchanges_totals() -> None:
    rows = {**sample_balances(), "OLD": Balance("OLD", free=Decimal(7))}
    snapshot = cross_snapshot(balances=rows, assets_btc=Decimal(110_600) / 60_000)
    asked = odds_question(
        measure_cross(apply_events(cross_account_state(), CrossRead(snapshot)), WITH_PAST, NOW), without_rates=True
    )
    assert isinstance(asked, OddsQuestion)
    assert (asked.positions[-1].asset, asked.positions[-1].is_rest) == ("OLD", True)
    assert "OLD" not in {asset for asset, *_ in changed_balances(asked)}
    assert round(asked.positions[-1].held, 6) == 600


def test_stale_account_asks_no_question() -> None:
    late = after(2 * 86_400)
    assert odds_question(measure_cross(cross_account_state(), WITH_PAST, late)) == "the level is unknown"


def test_account_without_debt_asks_for_nothing() -> None:
    state = apply_events(cross_account_state(), CrossRead(cross_snapshot(level=INFINITE, balances={})))
    asked = odds_question(measure_cross(state, WITH_PAST, NOW))
    assert isinstance(asked, OddsQuestion)
    assert asked.owes_nothing
