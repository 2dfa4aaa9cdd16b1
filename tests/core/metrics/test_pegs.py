"""Reference ratio of a pegged asset: the median of a week, by USDT prices."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from statistics import median as known_median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.metrics.pegs import peg_reference, price_ratio, record_ratios
from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.account import Balance
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead
from monitor.core.model.metric import MissingValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.peg_history import PegHistory, build_history, history_from_samples, median
from monitor.core.state.scopes import needed_symbols
from tests.support.examples.accounts import (
    NOW,
    after,
    apply_events,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    prices,
)

SETTINGS = AccountSettings("main", isolated=(), pegs={"WBETH": "ETH", "BNSOL": "SOL"})
HELD = {"WBETH": Balance("WBETH", free=Decimal(2)), "USDT": Balance("USDT", borrowed=Decimal(100))}
WEEK_S = 7 * 86_400


def state_holding(at_s: float = 0, **balances: Balance) -> AccountState:
    snapshot = cross_snapshot(after(at_s), balances=balances or HELD)
    return apply_events(new_account_state(), CrossRead(snapshot), at=after(at_s))


def with_prices(state: AccountState, at_s: float = 0, **values: str | int) -> AccountState:
    return apply_events(state, PricesRead(prices(after(at_s), **values)), at=after(at_s))


def with_ratio_history(state: AccountState, ratios: list[str], every_s: int = 600) -> AccountState:
    """Return the state after a time in which WBETH had these ratios to an ETH of 4,000."""
    for number, ratio in enumerate(ratios):
        moment = number * every_s
        state = with_prices(state, moment, ETHUSDT=4_000, WBETHUSDT=str(Decimal(ratio) * 4_000))
        state = record_ratios(state, SETTINGS, after(moment))
    return state


def wbeth_figures(state: AccountState, at_s: float) -> MetricValues:
    state = apply_events(state, CrossRead(cross_snapshot(after(at_s), balances=HELD)), at=after(at_s))
    return measure_subject(state, SETTINGS, ("asset", "WBETH"), after(at_s))


def test_peg_deviation_is_measured_against_the_median() -> None:
    state = with_ratio_history(state_holding(), ["1.08"] * 7)
    state = with_prices(state, 3_700, ETHUSDT=4_000, WBETHUSDT=800)
    # 800 / 4,000 is 0.2; 0.2 / 1.08 − 1 is −81.48 %.
    figures = wbeth_figures(state, 3_700)
    assert figures.read("peg_ratio") == Decimal("0.2")
    assert round(Decimal(str(figures.read("peg_deviation"))), 4) == Decimal("-0.8148")


def test_common_fall_of_both_assets_is_no_deviation() -> None:
    state = with_prices(with_ratio_history(state_holding(), ["1.08"] * 7), 3_700, ETHUSDT=2_000, WBETHUSDT=2_160)
    assert wbeth_figures(state, 3_700).read("peg_deviation") == 0


def test_peg_is_unknown_until_an_hour_of_ratios_is_known() -> None:
    five, six = with_ratio_history(state_holding(), ["1.08"] * 5), with_ratio_history(state_holding(), ["1.08"] * 6)
    assert wbeth_figures(five, 2_400).read("peg_deviation") is MissingValue.UNAVAILABLE
    assert wbeth_figures(five, 2_400).read("peg_ratio") == Decimal("1.08")
    assert wbeth_figures(six, 3_000).read("peg_deviation") == 0


def test_crash_of_some_hours_does_not_move_the_reference_ratio() -> None:
    state = with_ratio_history(state_holding(), ["1.08"] * 40 + ["0.2"] * 30)
    assert state.prices.peg_history["WBETH"].reference_ratio == Decimal("1.08")


def test_one_ratio_is_kept_of_each_ten_minutes() -> None:
    state = with_ratio_history(state_holding(), ["1.08", "1.09", "1.10"], every_s=100)
    assert state.prices.peg_history["WBETH"].points == ((NOW, Decimal("1.08")),)


def test_ratios_of_more_than_a_week_ago_are_forgotten() -> None:
    points = tuple((after(n * 600), Decimal(1)) for n in range(10))
    assert len(build_history(points, after(WEEK_S)).points) == 10
    known = build_history(points, after(WEEK_S + 3_000))
    assert (len(known.points), known.reference_ratio) == (5, None)


def test_ratios_of_unheld_assets_and_stale_prices_are_not_recorded() -> None:
    state = with_prices(state_holding(BTC=Balance("BTC", free=Decimal(1))), ETHUSDT=4_000, WBETHUSDT=4_320)
    assert record_ratios(state, SETTINGS, NOW) is state
    state = with_prices(state_holding(), ETHUSDT=4_000, WBETHUSDT=4_320)
    assert record_ratios(state, SETTINGS, after(16)) is state
    assert record_ratios(state, SETTINGS, after(15)).prices.peg_history["WBETH"].points == ((NOW, Decimal("1.08")),)


def test_ratio_of_an_asset_in_an_isolated_pair_is_recorded() -> None:
    pair = replace(long_pair(), symbol="WBETHUSDT", base=Balance("WBETH", free=Decimal(1)))
    state = with_prices(
        apply_events(new_account_state(), IsolatedRead(isolated_snapshot(pair))), ETHUSDT=4_000, WBETHUSDT=4_320
    )
    assert "WBETH" in record_ratios(state, replace(SETTINGS, isolated=None), NOW).prices.peg_history


def test_ratio_is_by_prices_in_usdt_else_by_the_pair_of_the_two() -> None:
    own = prices(WBETHUSDT=4_320, ETHUSDT=4_000, WBETHETH="1.2")
    assert price_ratio("WBETH", "ETH", own) == Decimal("1.08")
    assert price_ratio("WBETH", "ETH", prices(ETHUSDT=4_000, WBETHETH="1.07")) == Decimal("1.07")
    assert price_ratio("WBETH", "ETH", prices(WBETHUSDT=4_320)) is None


def test_needed_symbols_include_the_tracked_asset() -> None:
    assert {"WBETHUSDT", "ETHUSDT"} <= needed_symbols(state_holding(), SETTINGS)
    assert "WBETHETH" not in needed_symbols(state_holding(), SETTINGS)
    assert "WBETHETH" in needed_symbols(with_prices(state_holding(), ETHUSDT=4_000), SETTINGS)
    assert "WBETHETH" not in needed_symbols(with_prices(state_holding(), WBETHUSDT=4_320), SETTINGS)


def test_stable_asset_is_pegged_to_usdt_and_usdt_to_nothing() -> None:
    names = ("USDC", "USDT", "WBETH", "BTC")
    assert [peg_reference(name, SETTINGS) for name in names] == ["USDT", None, "ETH", None]


def test_samples_hold_until_the_next_one_and_end_where_they_went_missing() -> None:
    known = history_from_samples(
        [(after(0), Decimal(1)), (after(1_900), Decimal(2)), (after(2_500), None), (after(6_100), Decimal(3))],
        after(7_300),
    )
    assert [(round((at - NOW).total_seconds()), str(ratio)) for at, ratio in known.points] == [
        (0, "1"),
        (600, "1"),
        (1_200, "1"),
        (1_800, "2"),
        (6_000, "3"),
        (6_600, "3"),
    ]


def test_hours_without_samples_stay_unknown() -> None:
    known = history_from_samples([(after(0), Decimal(1)), (after(4_000), Decimal(1))], after(4_100))
    assert [at for at, _ in known.points] == [NOW, after(3_600)]


def test_ratios_before_and_after_a_restart_are_one_history() -> None:
    before = history_from_samples([(after(0), Decimal("1.08"))], after(1_500))
    state = with_prices(state_holding(1_500), 1_500, ETHUSDT=4_000, WBETHUSDT=4_360)
    state = replace(state, prices=replace(state.prices, peg_history={"WBETH": before}))
    points = record_ratios(state, SETTINGS, after(1_500)).prices.peg_history["WBETH"].points
    assert points == ((NOW, Decimal("1.08")), (after(600), Decimal("1.08")), (after(1_200), Decimal("1.09")))


@given(st.lists(st.decimals("0.001", "1000", places=6), min_size=1, max_size=60))
def test_median_is_the_middle(values: list[Decimal]) -> None:
    assert median(values) == known_median(values)


@given(
    st.lists(st.tuples(st.integers(0, 9 * 86_400), st.decimals("0.5", "2", places=4)), max_size=40),
    st.integers(0, 9 * 86_400),
)
def test_recorded_ratios_are_ordered_and_lie_within_the_week(samples: list[tuple[int, Decimal]], now_s: int) -> None:
    told_before = sorted((second, ratio) for second, ratio in samples if second <= now_s)
    known: PegHistory = history_from_samples([(after(second), ratio) for second, ratio in told_before], after(now_s))
    times = [at for at, _ in known.points]
    assert times == sorted(set(times))
    assert all(after(now_s) - timedelta(days=7) <= at <= after(now_s) for at in times)
    assert {ratio for _, ratio in known.points} <= {ratio for _, ratio in told_before}
    assert (known.reference_ratio is None) == (len(times) < 6)


@pytest.mark.parametrize(("asset", "price", "deviation"), [("USDC", "0.97", "-0.03"), ("DAI", "1.004", "0.004")])
def test_stable_asset_deviates_from_one_usdt(asset: str, price: str, deviation: str) -> None:
    balances = {asset: Balance(asset, free=Decimal(5))}
    state = with_prices(state_holding(0, **balances), 0, **{f"{asset}USDT": price})
    assert measure_subject(state, SETTINGS, ("asset", asset), NOW).read("peg_deviation") == Decimal(deviation)
