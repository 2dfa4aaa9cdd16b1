"""Shocks: worked by hand, and what would survive one against bringing it in and looking."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.margin.levels import Position, totals
from monitor.core.margin.stress import Outcome, Portfolio, Shock, first_to_reach, is_measurable, outcome, shock_to_level
from monitor.core.margin.stress_scenarios import CRASHES, WORST_NIGHT
from monitor.core.numbers.amounts import INFINITE, ZERO
from tests.core.margin.test_levels import ETH, SAMPLE
from tests.core.margin.test_levels_properties import BARS, PORTFOLIOS, near
from tests.core.margin.test_levels_properties import Portfolio as Positions

STABLES = frozenset({"USDT", "USDC"})
PEGS = {"WBETH": "ETH", "BNSOL": "SOL"}
BAR = Decimal("1.1")
D = Decimal

FACTORS = st.integers(-95, 150).map(lambda percent: D(percent) / 100)
MOVES = st.fixed_dictionaries({"BTC": FACTORS, "SOL": FACTORS, "DOGE": FACTORS})
STEPS = [D(n) / 8 for n in range(9)]


def portfolio(*positions: Position, scale: str = "1", bar: Decimal = BAR) -> Portfolio:
    """The positions, of which the exchange's level is `scale` times ours."""
    return Portfolio(positions, totals(positions).level * D(scale), bar)


def stressed(subject: Portfolio, shock: Shock) -> Outcome:
    moves = {p.asset: shock.move(p.asset, STABLES, PEGS) for p in subject.positions}
    return outcome(subject, moves, STABLES)


def test_a_drop_of_20_percent_leaves_the_sample_at_1_70() -> None:
    # 1.5 x 48,000 + 20,000 = 92,000; 10 x 2,400 + 30,000 = 54,000.
    found = stressed(portfolio(*SAMPLE), Shock(drop=D("0.2")))
    assert round(found.level_after, 5) == D("1.70370")
    assert not found.liquidated
    assert found.to_survive == ZERO


def test_a_named_move_comes_on_top_of_the_drop() -> None:
    # BTC halves, ETH rises by half: 45,000 + 20,000 against 45,000 + 30,000.
    found = stressed(portfolio(*SAMPLE), Shock(D("0.2"), named={"BTC": D("-0.5"), "ETH": D("0.5")}))
    assert round(found.level_after, 5) == D("0.86667")
    assert found.liquidated
    # 1.155 x 75,000 - 65,000
    assert found.to_survive == D("21625")


def test_what_was_brought_in_is_what_would_have_survived() -> None:
    saved = replace(SAMPLE[2], held=SAMPLE[2].held + D("21625"))
    found = stressed(portfolio(SAMPLE[0], ETH, saved), Shock(named={"BTC": D("-0.5"), "ETH": D("0.5")}))
    assert found.level_after == D("1.155")
    assert not found.liquidated


def test_the_bar_is_met_after_the_published_part_of_a_total_loss() -> None:
    # All volatile assets may drop by 77.19 %: 22.807 % of the prices are left.
    found = stressed(portfolio(*SAMPLE), Shock(drop=D(1)))
    assert round(found.reached_at, 4) == D("0.7719")


def test_the_nearest_price_is_the_one_that_moves_least() -> None:
    # BTC to 30,666.67 is -48.9 %, ETH to 7,000 is +133.3 %.
    first = first_to_reach(portfolio(*SAMPLE), BAR, STABLES)
    assert first is not None
    assert (first.asset, round(first.price, 2), round(first.move, 4), first.danger) == (
        "BTC",
        D("30666.67"),
        D("-0.4889"),
        "below",
    )


def test_no_single_price_is_named_where_none_can_do_it() -> None:
    stable = portfolio(Position("USDC", D(120), ZERO, D(1)), Position("USDT", ZERO, D(100), D(1)))
    assert stressed(stable, Shock(drop=D("0.9"))).first is None


def test_a_scope_below_its_bar_is_liquidated_whatever_comes() -> None:
    low = portfolio(Position("BTC", D(1), ZERO, D(109)), Position("USDT", ZERO, D(100), D(1)))
    found = stressed(low, Shock(named={"BTC": D("0.5")}))
    assert found.liquidated
    assert (found.reached_at, found.first) == (ZERO, None)


def test_the_exchange_s_own_level_decides() -> None:
    # Ours reads 1.25 where the exchange's reads 1.2: a fall of 10 % brings its level to 1.08, ours to 1.125.
    held = portfolio(Position("BTC", D(1), ZERO, D(125)), Position("USDT", ZERO, D(100), D(1)), scale="0.96")
    found = stressed(held, Shock(drop=D("0.1")))
    assert found.level_after == D("1.08")
    assert found.liquidated


def test_usdt_and_stable_assets_stay_in_a_drop() -> None:
    shock = Shock(drop=D("0.2"), named={"USDC": D("-0.1")})
    assert [shock.move(asset, STABLES, PEGS) for asset in ("USDT", "USDC", "BTC")] == [ZERO, D("-0.1"), D("-0.2")]


def test_the_published_night_moves_each_class_as_published() -> None:
    night = Shock(crash=CRASHES[WORST_NIGHT])
    moves = {a: night.move(a, STABLES, PEGS) for a in ("BTC", "SOL", "ETH", "ATOM", "USDT", "USDC", "USDE")}
    assert moves == {
        "BTC": D("-0.1311"),  # 116,837 to 101,516
        "SOL": D("-0.295"),
        "ETH": D("-0.295"),
        "ATOM": D("-0.85"),
        "USDT": ZERO,
        "USDC": ZERO,
        "USDE": D("-0.35"),
    }
    # 0.20 of an ETH, 0.13 of a SOL, each after its own fall.
    assert night.move("WBETH", STABLES, PEGS) == D("0.705") * D("0.20") - 1
    assert night.move("BNSOL", STABLES, PEGS) == D("0.705") * D("0.13") - 1


def test_of_a_drop_and_a_night_each_asset_takes_the_larger_fall() -> None:
    both = Shock(D("0.2"), CRASHES["2025-10-10"])
    assert both.move("BTC", STABLES, PEGS) == D("-0.2")
    assert both.move("SOL", STABLES, PEGS) == D("-0.295")


def test_a_peg_that_leads_in_a_circle_is_an_asset_like_others() -> None:
    assert CRASHES["2021-05-19"].move("A", STABLES, {"A": "B", "B": "A"}) == D("-0.67")


@pytest.mark.parametrize("crash", CRASHES.values(), ids=lambda crash: crash.date)
def test_every_night_has_a_source_and_only_falls(crash: object) -> None:
    night = CRASHES[getattr(crash, "date", "")]
    assert night.source
    assert all(-1 < move < 0 for move in (night.btc, night.large_alts, night.other_alts, *night.named.values()))
    assert all(0 < parity <= 1 for parity in (night.parity, *night.parities.values()))


@given(PORTFOLIOS, BARS, MOVES)
def test_shocks_end_where_walking_them_ends(positions: Positions, bar: Decimal, moves: dict[str, Decimal]) -> None:
    subject = Portfolio(positions, totals(positions).level, bar)
    assume(is_measurable(subject))
    found = outcome(subject, moves, STABLES)
    walk = [totals(subject.after({a: m * step for a, m in moves.items()}).positions) for step in STEPS]
    low = [sums for sums in walk if sums.assets <= bar * sums.liabilities]
    assert found.liquidated == bool(low)
    assert near(found.level_after, walk[-1].level)
    if found.to_survive:
        assert near(walk[-1].assets + found.to_survive, bar * D("1.05") * walk[-1].liabilities)
    else:
        assert walk[-1].assets >= bar * D("1.05") * walk[-1].liabilities


@given(PORTFOLIOS, BARS, MOVES)
def test_the_part_of_a_shock_that_meets_the_bar_does(
    positions: Positions, bar: Decimal, moves: dict[str, Decimal]
) -> None:
    subject = Portfolio(positions, totals(positions).level, bar)
    assume(is_measurable(subject))
    part = shock_to_level(positions, moves, bar)
    if part == INFINITE:
        walk = [totals(subject.after({a: m * step for a, m in moves.items()}).positions) for step in STEPS]
        assert all(sums.assets > bar * sums.liabilities for sums in walk)
    elif part and part <= 1:
        met = totals(subject.after({a: m * part for a, m in moves.items()}).positions)
        assert near(met.assets, bar * met.liabilities)


@given(PORTFOLIOS, BARS)
def test_no_asset_reaches_the_bar_with_a_smaller_move(positions: Positions, bar: Decimal) -> None:
    subject = Portfolio(positions, totals(positions).level, bar)
    assume(is_measurable(subject) and subject.level > bar)
    first = first_to_reach(subject, bar, STABLES)
    if first is None:
        return
    met = totals(subject.after({first.asset: first.move}).positions)
    assert near(met.assets, bar * met.liabilities)
    for asset in ("BTC", "SOL", "DOGE"):
        for part in STEPS[:-1]:
            for sign in (1, -1):
                move = abs(first.move) * part * sign
                if move > -1:
                    sums = totals(subject.after({asset: move}).positions)
                    assert sums.assets > bar * sums.liabilities * (1 - D("1E-25"))
