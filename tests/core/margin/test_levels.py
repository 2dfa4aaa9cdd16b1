"""Risk arithmetic: published worked numbers, and the edge cases that a plain formula gets wrong."""

from decimal import Decimal

import pytest

from monitor.core.margin import levels
from monitor.core.margin.collateral_ratios import collateral_value, max_tiered_transfer_out
from monitor.core.margin.levels import Position, Totals
from monitor.core.margin.liquidation import (
    LiquidationPrice,
    isolated_liquidation_price,
    liquidation_price,
    liquidation_side,
)
from monitor.core.margin.sizing import (
    repay_to_reach,
    sell_to_reach,
    transfer_and_repay_to_reach,
    transfer_in_to_reach,
)
from monitor.core.model.account import CollateralTier
from monitor.core.numbers.amounts import INFINITE, ZERO

STABLES = frozenset({"USDT", "USDC"})
BAR = Decimal("1.1")

BTC = Position("BTC", Decimal("1.5"), ZERO, Decimal(60_000))
ETH = Position("ETH", ZERO, Decimal(10), Decimal(3_000))
USDT = Position("USDT", Decimal(20_000), Decimal(30_000), Decimal(1))
SAMPLE = (BTC, ETH, USDT)
"""Positions of the published sample: worth 110,000, owing 60,000."""

A, L = Decimal(110_000), Decimal(60_000)


def price_of(position: Position, level: Decimal = BAR) -> LiquidationPrice | None:
    return liquidation_price(position, levels.sum_positions(SAMPLE), level)


def test_level_is_assets_over_liabilities() -> None:
    assert levels.sum_positions(SAMPLE) == Totals(A, L)
    assert round(levels.sum_positions(SAMPLE).level, 5) == Decimal("1.83333")
    assert levels.sum_positions(SAMPLE).equity == 50_000


def test_level_of_the_published_account_answer() -> None:
    level = levels.margin_level(Decimal("6.82728457"), Decimal("0.58633215"))
    assert round(level, 3) == Decimal("11.644")


@pytest.mark.parametrize("assets", ["0", "100"])
def test_level_is_infinite_when_nothing_is_owed(assets: str) -> None:
    assert levels.margin_level(Decimal(assets), ZERO) == INFINITE
    assert levels.sum_positions([]).level == INFINITE


def test_collateral_counts_tier_by_tier() -> None:
    # 6000 BTC at 20,000: 100 M at 100 % and 20 M at 97.5 %.
    tiers = (
        CollateralTier(ZERO, Decimal(100_000_000), Decimal(1)),
        CollateralTier(Decimal(100_000_000), Decimal(120_000_000), Decimal("0.975")),
        CollateralTier(Decimal(120_000_000), None, Decimal("0.5")),
    )
    assert collateral_value(Decimal(120_000_000), tiers) == 119_500_000
    assert collateral_value(Decimal(130_000_000), tiers) == 124_500_000
    assert collateral_value(Decimal(50), tiers) == 50


def test_collateral_beyond_the_last_tier_or_without_tiers_does_not_count() -> None:
    tier = CollateralTier(ZERO, Decimal(100), Decimal("0.9"))
    assert collateral_value(Decimal(500), [tier]) == 90
    assert collateral_value(Decimal(500), []) == ZERO


ISOLATED = [
    # base held, base owed, quote held, quote owed, price, ratio, liquidation price, danger
    ("1", "0", "0", "40000", "50000", "1.15", "46000", "below"),
    ("1", "0", "100", "40012.5", "50000", "1.15", "45914.375", "below"),
    ("0", "0.8", "50000", "0", "50000", "1.15", "54347.83", "above"),
    ("0", "0.4", "30000", "0", "50000", "1.05", "71428.57", "above"),
    ("0.6", "0", "0", "20000", "50000", "1.18", "39333.33", "below"),
]


@pytest.mark.parametrize(("base", "base_owed", "quote", "quote_owed", "price", "ratio", "expected", "danger"), ISOLATED)
def test_isolated_liquidation_price_is_the_published_one(
    base: str, base_owed: str, quote: str, quote_owed: str, price: str, ratio: str, expected: str, danger: str
) -> None:
    found = isolated_liquidation_price(
        base_held=Decimal(base),
        base_owed=Decimal(base_owed),
        quote_held=Decimal(quote),
        quote_owed=Decimal(quote_owed),
        price=Decimal(price),
        level=Decimal(ratio),
    )
    assert found is not None
    assert found.price.quantize(Decimal(expected)) == Decimal(expected)
    assert (found.side, found.is_reached) == (danger, False)


def isolated(base: str, base_owed: str, quote: str, quote_owed: str, price: str) -> dict[str, Decimal]:
    return {
        "base_held": Decimal(base),
        "base_owed": Decimal(base_owed),
        "quote_held": Decimal(quote),
        "quote_owed": Decimal(quote_owed),
        "price": Decimal(price),
    }


def test_isolated_level_counts_both_sides() -> None:
    # (1.2 · 50,000 + 10,000) ÷ (0.4 · 50,000 + 20,000) = 70,000 ÷ 40,000
    assert levels.isolated_level(**isolated("1.2", "0.4", "10000", "20000", "50000")) == Decimal("1.75")


def test_isolated_level_is_infinite_without_debt() -> None:
    assert levels.isolated_level(**isolated("1", "0", "5", "0", "50000")) == INFINITE


def test_isolated_pair_in_debt_on_both_sides_has_one_liquidation_price() -> None:
    # (1.15 · 20,000 − 10,000) ÷ (1.2 − 1.15 · 0.4) = 13,000 ÷ 0.74
    found = isolated_liquidation_price(**isolated("1.2", "0.4", "10000", "20000", "50000"), level=Decimal("1.15"))
    assert found is not None
    assert round(found.price, 2) == Decimal("17567.57")
    assert found.side == "below"


@pytest.mark.parametrize(
    "amounts",
    [
        isolated("1", "0", "100", "0", "50000"),  # nothing owed
        isolated("1", "0", "50000", "40000", "50000"),  # the quote alone covers the debt
        isolated("1.15", "1", "50000", "20000", "50000"),  # held is exactly the level times owed: the price cancels out
    ],
)
def test_isolated_pair_that_no_price_liquidates_has_no_liquidation_price(amounts: dict[str, Decimal]) -> None:
    assert isolated_liquidation_price(**amounts, level=Decimal("1.15")) is None


def test_isolated_pair_at_the_threshold_is_liquidated_now() -> None:
    found = isolated_liquidation_price(**isolated("1", "0", "0", "40000", "46000"), level=Decimal("1.15"))
    assert found == LiquidationPrice(Decimal(46_000), "below", is_reached=True)


def test_collateral_liquidates_below_30666_67() -> None:
    found = price_of(BTC)
    assert found is not None
    assert (round(found.price, 2), found.side) == (Decimal("30666.67"), "below")


def test_debt_liquidates_above_7000() -> None:
    assert price_of(ETH) == LiquidationPrice(Decimal(7_000), "above")


def test_asset_that_is_not_there_has_no_liquidation_price() -> None:
    assert price_of(Position("SOL", ZERO, ZERO, Decimal(200))) is None


def test_small_collateral_alone_can_not_liquidate() -> None:
    extra = Position("SOL", Decimal(1), ZERO, Decimal(200))
    assert liquidation_price(extra, levels.sum_positions([*SAMPLE, extra]), BAR) is None


def test_liquidation_prices_below_the_threshold_are_the_current_ones() -> None:
    crashed = Position("BTC", Decimal("1.5"), ZERO, Decimal(30_000))
    found = liquidation_price(crashed, levels.sum_positions([crashed, ETH, USDT]), BAR)
    assert found == LiquidationPrice(Decimal(30_000), "below", is_reached=True)


def test_liquidation_side_follows_the_net_position() -> None:
    assert liquidation_side(Decimal("1.5"), ZERO, BAR) == "below"
    assert liquidation_side(ZERO, Decimal(10), BAR) == "above"
    assert liquidation_side(Decimal("1.1"), Decimal(1), BAR) is None


def test_sample_survives_until_the_market_has_dropped_77_19_percent() -> None:
    parts = levels.split_exposure(SAMPLE, STABLES)
    assert parts.totals == Totals(A, L)
    assert round(levels.drop_to_level(parts, BAR), 4) == Decimal("0.7719")
    assert levels.rise_to_level(parts, BAR) == INFINITE


def test_short_account_is_liquidated_by_a_rise() -> None:
    # 50,000 USDT against 0.8 BTC at 50,000, liquidation at 1.1: 50,000 ÷ (1.1 · 40,000) = 1.13636…
    short = [
        Position("USDT", Decimal(50_000), ZERO, Decimal(1)),
        Position("BTC", ZERO, Decimal("0.8"), Decimal(50_000)),
    ]
    parts = levels.split_exposure(short, STABLES)
    assert levels.drop_to_level(parts, BAR) == INFINITE
    assert round(levels.rise_to_level(parts, BAR), 5) == Decimal("0.13636")


def test_short_account_with_much_collateral_needs_a_rise_beyond_100_percent() -> None:
    short = [
        Position("USDT", Decimal(110_000), ZERO, Decimal(1)),
        Position("BTC", ZERO, Decimal("0.8"), Decimal(50_000)),
    ]
    assert levels.rise_to_level(levels.split_exposure(short, STABLES), BAR) == Decimal("1.5")


def test_market_move_is_zero_below_the_threshold() -> None:
    crashed = [Position("BTC", Decimal("1.5"), ZERO, Decimal(20_000)), ETH, USDT]
    parts = levels.split_exposure(crashed, STABLES)
    assert levels.drop_to_level(parts, BAR) == ZERO
    assert levels.rise_to_level(parts, BAR) == ZERO


@pytest.mark.parametrize(
    "positions",
    [
        [],
        [BTC],
        [Position("USDT", Decimal(100), Decimal(50), Decimal(1))],
        [Position("BTC", Decimal("2.2"), Decimal(2), Decimal(1)), Position("USDT", Decimal(5), ZERO, Decimal(1))],
        [Position("BTC", Decimal(2), Decimal(1), Decimal(100))],
    ],
)
def test_no_move_liquidates_without_debt_or_when_prices_cancel_out(positions: list[Position]) -> None:
    parts = levels.split_exposure(positions, STABLES)
    assert levels.drop_to_level(parts, BAR) == INFINITE
    assert levels.rise_to_level(parts, BAR) == INFINITE


def test_repaying_10000_reaches_level_2() -> None:
    assert repay_to_reach(Decimal(2), A, L) == 10_000


def test_adding_10000_of_collateral_reaches_level_2() -> None:
    assert transfer_in_to_reach(Decimal(2), A, L) == 10_000


def test_transferring_in_and_repaying_5000_reaches_level_2() -> None:
    assert transfer_and_repay_to_reach(Decimal(2), A, L) == 5_000


def test_selling_10030_09_at_15_basis_points_reaches_level_2() -> None:
    assert round(sell_to_reach(Decimal(2), A, L, Decimal("0.0015")), 2) == Decimal("10030.09")


def test_each_route_reaches_the_published_level() -> None:
    two = Decimal(2)
    assert levels.margin_level(A - 10_000, L - 10_000) == Decimal(100_000) / 50_000 == two
    assert levels.margin_level(A + 10_000, L) == two
    assert levels.margin_level(A, L - 5_000) == two
    sold = sell_to_reach(two, A, L, Decimal("0.0015"))
    assert round(levels.margin_level(A - sold, L - sold * Decimal("0.9985")), 20) == two
    # 1.5 BTC count 95 %, the dollars whole: 105,500.
    collateral = collateral_value(Decimal(90_000), [CollateralTier(ZERO, None, Decimal("0.95"))]) + 20_000
    assert collateral == 105_500


def test_equity_and_fee_at_liquidation() -> None:
    at_bar = Totals(L * BAR, L)
    assert at_bar.equity == L / 10
    assert at_bar.assets * Decimal("0.02") == L * Decimal("0.022")


@pytest.mark.parametrize("owed", ["60000", "0"])
def test_nothing_is_needed_at_the_target_or_without_debt(owed: str) -> None:
    target, assets, liabilities = Decimal("1.5"), Decimal(90_000), Decimal(owed)
    assert repay_to_reach(target, assets, liabilities) == ZERO
    assert transfer_in_to_reach(target, assets, liabilities) == ZERO
    assert transfer_and_repay_to_reach(target, assets, liabilities) == ZERO
    assert sell_to_reach(target, assets, liabilities, Decimal("0.01")) == ZERO


def test_repaying_cannot_restore_an_insolvent_account() -> None:
    assert repay_to_reach(Decimal(2), Decimal(50), Decimal(60)) == INFINITE


def test_selling_cannot_help_when_its_cost_exceeds_its_effect() -> None:
    # Level 1.05; a cost of 5 % needs a level above 1 ÷ 0.95 = 1.0526.
    assert sell_to_reach(Decimal("1.5"), Decimal(105), Decimal(100), Decimal("0.05")) == INFINITE
    assert sell_to_reach(Decimal("1.5"), Decimal(106), Decimal(100), Decimal("0.05")) < 106


def test_targets_that_can_not_be_reached_by_a_route_are_refused() -> None:
    with pytest.raises(ValueError, match="must be above 1"):
        repay_to_reach(Decimal(1), A, L)
    with pytest.raises(ValueError, match="must be positive"):
        transfer_and_repay_to_reach(ZERO, A, L)
    with pytest.raises(ValueError, match="can't lead to a level"):
        sell_to_reach(Decimal("1.05"), A, L, Decimal("0.05"))


def test_assets_with_the_lowest_ratio_leave_first() -> None:
    # 100 at 100 % and 50 at 80 % count 140, owed 65 need 130: of the upper part 10 / 0.8 may leave.
    tiers = (CollateralTier(ZERO, Decimal(100), Decimal(1)), CollateralTier(Decimal(100), None, Decimal("0.8")))
    assert max_tiered_transfer_out(Decimal(150), tiers, Decimal(140), Decimal(65)) == Decimal("12.5")
    # Owed 45 need 90: the upper 50 and 10 of the lower part.
    assert max_tiered_transfer_out(Decimal(150), tiers, Decimal(140), Decimal(45)) == 60
    assert max_tiered_transfer_out(Decimal(150), tiers, Decimal(140), Decimal(70)) == ZERO
    assert max_tiered_transfer_out(Decimal(150), tiers, Decimal(140), ZERO) == 150
    assert max_tiered_transfer_out(Decimal(30), (), Decimal(140), Decimal(65)) == 30
