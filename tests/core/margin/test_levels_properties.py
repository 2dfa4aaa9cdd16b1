"""Every formula against brute force over random portfolios: long, short, mixed, dust, without debt, already below."""

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.margin import levels
from monitor.core.margin.collateral_ratios import collateral_value, max_tiered_transfer_out
from monitor.core.margin.levels import Position
from monitor.core.margin.liquidation import isolated_liquidation_price, liquidation_price
from monitor.core.margin.sizing import (
    repay_to_reach,
    sell_to_reach,
    transfer_and_repay_to_reach,
    transfer_in_to_reach,
)
from monitor.core.model.account import CollateralTier
from monitor.core.numbers.amounts import INFINITE, ZERO

STABLES = frozenset({"USDT", "USDC"})
NEARLY = Decimal("1E-25")
"""Rounding error at fifty digits, relative to the compared values."""

BARS = st.sampled_from([Decimal(bar) for bar in ("1.05", "1.1", "1.15", "1.18", "1.3", "1.5")])
TARGETS = st.sampled_from([Decimal(target) for target in ("1.111", "1.25", "1.5", "2", "3")])
MOVES = [Decimal(n) / 12 for n in range(13)]
PRICES = [Decimal(f"{digit}E{exponent}") for exponent in range(-8, 13, 2) for digit in (1, 4)]


def amounts(largest: int) -> st.SearchStrategy[Decimal]:
    """Return zero, one smallest unit, or any amount up to `largest`, in steps of the exchange's eight decimals."""
    return st.one_of(
        st.just(ZERO), st.just(Decimal("1E-8")), st.integers(0, largest * 10**8).map(lambda n: Decimal(n).scaleb(-8))
    )


def positions_of(asset: str, price: st.SearchStrategy[Decimal], largest: int) -> st.SearchStrategy[Position]:
    return st.builds(Position, st.just(asset), amounts(largest), amounts(largest), price)


def prices(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda cents: Decimal(cents).scaleb(-2))


PORTFOLIOS = st.tuples(
    positions_of("BTC", prices(1_000_000, 15_000_000), 3),
    positions_of("SOL", prices(500, 50_000), 1_000),
    positions_of("DOGE", prices(1, 100), 500_000),
    positions_of("USDT", st.just(Decimal(1)), 200_000),
    positions_of("USDC", prices(95, 105), 50_000),
)
Portfolio = tuple[Position, ...]


def level_of(portfolio: Portfolio, changed: Callable[[Position], Position] = lambda position: position) -> Decimal:
    """Return assets over liabilities, summed again."""
    moved = [changed(position) for position in portfolio]
    owed = sum((p.owed * p.price for p in moved), ZERO)
    return sum((p.held * p.price for p in moved), ZERO) / owed if owed else INFINITE


def level_at_price(portfolio: Portfolio, asset: str, price: Decimal) -> Decimal:
    return level_of(portfolio, lambda p: replace(p, price=price) if p.asset == asset else p)


def level_after_move(portfolio: Portfolio, factor: Decimal) -> Decimal:
    return level_of(portfolio, lambda p: p if p.asset in STABLES else replace(p, price=p.price * factor))


def is_near(one: Decimal, other: Decimal) -> bool:
    return one == other or abs(one - other) <= NEARLY * max(abs(one), abs(other))


@given(PORTFOLIOS, BARS)
def test_liquidation_price_is_where_the_level_meets_the_threshold(portfolio: Portfolio, bar: Decimal) -> None:
    everything = levels.sum_positions(portfolio)
    for position in portfolio:
        found = liquidation_price(position, everything, bar)
        if found is None:
            if everything.level <= bar:
                raise AssertionError("below the bar every asset says now")
            assert all(level_at_price(portfolio, position.asset, price) > bar for price in PRICES)
        elif found.is_reached:
            assert everything.level <= bar
        else:
            assert is_near(level_at_price(portfolio, position.asset, found.price), bar)
            assert (found.price < position.price) == (found.side == "below")
            beyond = found.price * Decimal("0.999" if found.side == "below" else "1.001")
            between = (found.price + position.price) / 2
            assert level_at_price(portfolio, position.asset, beyond) < bar
            assert level_at_price(portfolio, position.asset, between) > bar


@given(PORTFOLIOS, BARS)
def test_drop_is_the_first_fall_that_meets_the_threshold(portfolio: Portfolio, bar: Decimal) -> None:
    drop = levels.drop_to_level(levels.split_exposure(portfolio, STABLES), bar)
    if drop == INFINITE:
        assert all(level_after_move(portfolio, 1 - move) > bar for move in MOVES[:-1])
        return
    assert ZERO <= drop < 1
    assert level_after_move(portfolio, 1 - drop) <= bar * (1 + NEARLY)
    if drop:
        assert is_near(level_after_move(portfolio, 1 - drop), bar)
        assert all(level_after_move(portfolio, 1 - drop * move) > bar for move in MOVES[:-1])


@given(PORTFOLIOS, BARS)
def test_rise_is_the_first_that_meets_the_threshold(portfolio: Portfolio, bar: Decimal) -> None:
    rise = levels.rise_to_level(levels.split_exposure(portfolio, STABLES), bar)
    if rise == INFINITE:
        assert all(level_after_move(portfolio, 1 + move * 100) > bar for move in MOVES)
        return
    assert level_after_move(portfolio, 1 + rise) <= bar * (1 + NEARLY)
    if rise:
        assert is_near(level_after_move(portfolio, 1 + rise), bar)
        assert all(level_after_move(portfolio, 1 + rise * move) > bar for move in MOVES[:-1])


@given(PORTFOLIOS, BARS)
def test_isolated_pair_is_an_account_of_two_assets(portfolio: Portfolio, bar: Decimal) -> None:
    base, quote = portfolio[0], portfolio[3]
    pair = {"base_held": base.held, "base_owed": base.owed, "quote_held": quote.held, "quote_owed": quote.owed}
    assert levels.isolated_level(**pair, price=base.price) == level_of((base, quote))
    found = isolated_liquidation_price(**pair, price=base.price, level=bar)
    if found is None:
        assert all(level_at_price((base, quote), "BTC", price) > bar for price in PRICES)
    elif not found.is_reached:
        assert is_near(levels.isolated_level(**pair, price=found.price), bar)


@given(PORTFOLIOS, TARGETS)
def test_each_route_ends_at_the_target(portfolio: Portfolio, target: Decimal) -> None:
    assets, owed = levels.sum_positions(portfolio).assets, levels.sum_positions(portfolio).liabilities
    assume(owed > 0 and assets < target * owed)
    brought = transfer_in_to_reach(target, assets, owed)
    assert is_near((assets + brought) / owed, target)
    swapped = transfer_and_repay_to_reach(target, assets, owed)
    assert is_near(assets, target * (owed - swapped))
    assert is_near(swapped * target, brought)
    repaid = repay_to_reach(target, assets, owed)
    if repaid == INFINITE:
        assert assets < owed
    else:
        assert repaid <= owed
        assert is_near(assets - repaid, target * (owed - repaid))


@given(PORTFOLIOS, TARGETS, st.integers(0, 500))
def test_selling_ends_at_the_target_or_is_impossible(portfolio: Portfolio, target: Decimal, basis_points: int) -> None:
    kept = 1 - Decimal(basis_points) / 10_000
    assets, owed = levels.sum_positions(portfolio).assets, levels.sum_positions(portfolio).liabilities
    assume(owed > 0 and assets < target * owed and target * kept > 1)
    sold = sell_to_reach(target, assets, owed, 1 - kept)
    if sold == INFINITE:
        tries = [assets * move for move in MOVES if assets * move * kept < owed]
        assert all((assets - value) / (owed - value * kept) < target for value in tries)
        return
    assert sold <= assets
    assert is_near(assets - sold, target * (owed - sold * kept)) or is_near(sold * kept, owed)


@given(PORTFOLIOS)
def test_splitting_keeps_every_value(portfolio: Portfolio) -> None:
    assert levels.split_exposure(portfolio, STABLES).totals == levels.sum_positions(portfolio)


RATIOS = st.integers(0, 100).map(lambda percent: Decimal(percent) / 100)
TIERED = st.lists(st.tuples(st.integers(1, 40), RATIOS), max_size=4)


def tiers_of(widths: list[tuple[int, Decimal]]) -> list[CollateralTier]:
    """Return tiers of these widths one after the other."""
    tiers: list[CollateralTier] = []
    for width, ratio in widths:
        start = tiers[-1].end if tiers else ZERO
        assert start is not None
        tiers.append(CollateralTier(start, start + width, ratio))
    return tiers


def collateral_unit_by_unit(value: int, tiers: list[CollateralTier]) -> Decimal:
    """Return the sum of each whole unit of value times the ratio of the tier that it lies in."""
    return sum((t.ratio for unit in range(value) for t in tiers if t.end is not None and t.start <= unit < t.end), ZERO)


@given(st.integers(0, 120), TIERED)
def test_collateral_counts_like_one_unit_after_the_other(value: int, widths: list[tuple[int, Decimal]]) -> None:
    tiers = tiers_of(widths)
    assert collateral_value(Decimal(value), tiers) == collateral_unit_by_unit(value, tiers)


@given(st.integers(0, 120), TIERED, st.integers(0, 100), st.integers(0, 100))
def test_tiered_transfer_out_is_the_maximum(
    value: int, widths: list[tuple[int, Decimal]], others: int, owed: int
) -> None:
    tiers = tiers_of(widths)
    whole = collateral_unit_by_unit(value, tiers)
    most = max_tiered_transfer_out(Decimal(value), tiers, whole + others, Decimal(owed))
    assert 0 <= most <= value

    def is_safe(left: Decimal) -> bool:
        return not owed or collateral_value(left, tiers) + others >= 2 * owed * (1 - NEARLY)

    if whole + others <= 2 * owed and owed:
        assert most == ZERO
        return
    assert is_safe(value - most)
    assert all(not is_safe(Decimal(unit)) for unit in range(int((value - most).to_integral_value(ROUND_CEILING))))
