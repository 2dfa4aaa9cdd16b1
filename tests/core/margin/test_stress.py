"""Price shocks against worked examples; the collateral to survive one against bringing it in and measuring."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.margin.levels import Position, sum_positions
from monitor.core.margin.stress import (
    Shock,
    ShockOutcome,
    StressPortfolio,
    find_nearest_asset_move,
    is_measurable,
    shock_to_level,
    simulate_shock,
)
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS, WORST_SCENARIO
from monitor.core.numbers.amounts import INFINITE, ZERO
from tests.core.margin.test_levels import ETH, SAMPLE
from tests.core.margin.test_levels_properties import BARS, PORTFOLIOS, is_near
from tests.core.margin.test_levels_properties import Portfolio as Positions

STABLES = frozenset({"USDT", "USDC"})
PEGS = {"WBETH": "ETH", "BNSOL": "SOL"}
BAR = Decimal("1.1")
D = Decimal

FACTORS = st.integers(-95, 150).map(lambda percent: D(percent) / 100)
MOVES = st.fixed_dictionaries({"BTC": FACTORS, "SOL": FACTORS, "DOGE": FACTORS})
STEPS = [D(n) / 8 for n in range(9)]


def portfolio(*positions: Position, scale: str = "1", bar: Decimal = BAR) -> StressPortfolio:
    """Return the positions as a portfolio with an exchange level of `scale` times our own."""
    return StressPortfolio(positions, sum_positions(positions).level * D(scale), bar)


def apply_shock(subject: StressPortfolio, shock: Shock) -> ShockOutcome:
    moves = {p.asset: shock.move(p.asset, STABLES, PEGS) for p in subject.positions}
    return simulate_shock(subject, moves, STABLES)


def test_a_drop_of_20_percent_leaves_the_sample_at_1_70() -> None:
    # 1.5 x 48,000 + 20,000 = 92,000; 10 x 2,400 + 30,000 = 54,000.
    found = apply_shock(portfolio(*SAMPLE), Shock(drop=D("0.2")))
    assert round(found.level_after, 5) == D("1.70370")
    assert not found.is_liquidated
    assert found.to_survive == ZERO


def test_a_named_move_comes_on_top_of_the_drop() -> None:
    # BTC halves, ETH rises by half: 45,000 + 20,000 against 45,000 + 30,000.
    found = apply_shock(portfolio(*SAMPLE), Shock(D("0.2"), moves_by_asset={"BTC": D("-0.5"), "ETH": D("0.5")}))
    assert round(found.level_after, 5) == D("0.86667")
    assert found.is_liquidated
    # 1.155 x 75,000 - 65,000
    assert found.to_survive == D("21625")


def test_added_collateral_is_the_amount_that_survives_the_shock() -> None:
    saved = replace(SAMPLE[2], held=SAMPLE[2].held + D("21625"))
    found = apply_shock(portfolio(SAMPLE[0], ETH, saved), Shock(moves_by_asset={"BTC": D("-0.5"), "ETH": D("0.5")}))
    assert found.level_after == D("1.155")
    assert not found.is_liquidated


def test_threshold_is_met_after_the_published_part_of_a_total_loss() -> None:
    # All volatile assets may drop by 77.19 %: 22.807 % of the prices are left.
    found = apply_shock(portfolio(*SAMPLE), Shock(drop=D(1)))
    assert round(found.reached_at, 4) == D("0.7719")


def test_the_nearest_price_is_the_one_that_moves_least() -> None:
    # BTC to 30,666.67 is -48.9 %, ETH to 7,000 is +133.3 %.
    first = find_nearest_asset_move(portfolio(*SAMPLE), BAR, STABLES)
    assert first is not None
    assert (first.asset, round(first.price, 2), round(first.move, 4), first.liquidation_side) == (
        "BTC",
        D("30666.67"),
        D("-0.4889"),
        "below",
    )


def test_no_single_price_is_named_where_none_can_do_it() -> None:
    stable = portfolio(Position("USDC", D(120), ZERO, D(1)), Position("USDT", ZERO, D(100), D(1)))
    assert apply_shock(stable, Shock(drop=D("0.9"))).nearest_asset_move is None


def test_scope_below_its_threshold_is_liquidated_anyway() -> None:
    low = portfolio(Position("BTC", D(1), ZERO, D(109)), Position("USDT", ZERO, D(100), D(1)))
    found = apply_shock(low, Shock(moves_by_asset={"BTC": D("0.5")}))
    assert found.is_liquidated
    assert (found.reached_at, found.nearest_asset_move) == (ZERO, None)


def test_the_exchange_s_own_level_decides() -> None:
    # Our level is 1.25 where the exchange's is 1.2: a fall of 10 % brings its level to 1.08, ours to 1.125.
    held = portfolio(Position("BTC", D(1), ZERO, D(125)), Position("USDT", ZERO, D(100), D(1)), scale="0.96")
    found = apply_shock(held, Shock(drop=D("0.1")))
    assert found.level_after == D("1.08")
    assert found.is_liquidated


def test_usdt_and_stable_assets_stay_in_a_drop() -> None:
    shock = Shock(drop=D("0.2"), moves_by_asset={"USDC": D("-0.1")})
    assert [shock.move(asset, STABLES, PEGS) for asset in ("USDT", "USDC", "BTC")] == [ZERO, D("-0.1"), D("-0.2")]


def test_the_published_night_moves_each_class_as_published() -> None:
    night = Shock(scenario=STRESS_SCENARIOS[WORST_SCENARIO])
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


def test_each_asset_takes_the_larger_fall_of_drop_and_night() -> None:
    both = Shock(D("0.2"), STRESS_SCENARIOS["2025-10-10"])
    assert both.move("BTC", STABLES, PEGS) == D("-0.2")
    assert both.move("SOL", STABLES, PEGS) == D("-0.295")


def test_circular_peg_is_treated_as_no_peg() -> None:
    assert STRESS_SCENARIOS["2021-05-19"].move("A", STABLES, {"A": "B", "B": "A"}) == D("-0.67")


@pytest.mark.parametrize("crash", STRESS_SCENARIOS.values(), ids=lambda crash: crash.date)
def test_every_night_has_a_source_and_only_falls(crash: object) -> None:
    night = STRESS_SCENARIOS[getattr(crash, "date", "")]
    assert night.source
    assert all(
        -1 < move < 0 for move in (night.btc, night.large_alts, night.other_alts, *night.moves_by_asset.values())
    )
    assert all(0 < parity <= 1 for parity in (night.parity, *night.parities.values()))


@given(PORTFOLIOS, BARS, MOVES)
def test_shock_ends_where_small_steps_end(positions: Positions, bar: Decimal, moves: dict[str, Decimal]) -> None:
    subject = StressPortfolio(positions, sum_positions(positions).level, bar)
    assume(is_measurable(subject))
    found = simulate_shock(subject, moves, STABLES)
    walk = [sum_positions(subject.after_moves({a: m * step for a, m in moves.items()}).positions) for step in STEPS]
    low = [sums for sums in walk if sums.assets <= bar * sums.liabilities]
    assert found.is_liquidated == bool(low)
    assert is_near(found.level_after, walk[-1].level)
    if found.to_survive:
        assert is_near(walk[-1].assets + found.to_survive, bar * D("1.05") * walk[-1].liabilities)
    else:
        assert walk[-1].assets >= bar * D("1.05") * walk[-1].liabilities


@given(PORTFOLIOS, BARS, MOVES)
def test_part_of_a_shock_that_meets_the_threshold_does(
    positions: Positions, bar: Decimal, moves: dict[str, Decimal]
) -> None:
    subject = StressPortfolio(positions, sum_positions(positions).level, bar)
    assume(is_measurable(subject))
    part = shock_to_level(positions, moves, bar)
    if part == INFINITE:
        walk = [sum_positions(subject.after_moves({a: m * step for a, m in moves.items()}).positions) for step in STEPS]
        assert all(sums.assets > bar * sums.liabilities for sums in walk)
    elif part and part <= 1:
        met = sum_positions(subject.after_moves({a: m * part for a, m in moves.items()}).positions)
        assert is_near(met.assets, bar * met.liabilities)


@given(PORTFOLIOS, BARS)
def test_no_asset_reaches_the_threshold_with_a_smaller_move(positions: Positions, bar: Decimal) -> None:
    subject = StressPortfolio(positions, sum_positions(positions).level, bar)
    assume(is_measurable(subject) and subject.level > bar)
    first = find_nearest_asset_move(subject, bar, STABLES)
    if first is None:
        return
    met = sum_positions(subject.after_moves({first.asset: first.move}).positions)
    assert is_near(met.assets, bar * met.liabilities)
    for asset in ("BTC", "SOL", "DOGE"):
        for part in STEPS[:-1]:
            for sign in (1, -1):
                move = abs(first.move) * part * sign
                if move > -1:
                    sums = sum_positions(subject.after_moves({asset: move}).positions)
                    assert sums.assets > bar * sums.liabilities * (1 - D("1E-25"))
