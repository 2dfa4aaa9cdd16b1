"""Worked numbers of the published formulas."""

from decimal import Decimal

import pytest

from monitor.sandbox.ledger.margin_levels import collateral_value, isolated_status, liquidation_price, margin_level
from monitor.sandbox.scenario.scenario import SimCollateralTier

D = Decimal


def test_the_level_is_assets_over_liabilities() -> None:
    current = margin_level(D("6.82728457"), D("0.58633215"))
    assert current is not None
    assert round(current, 3) == D("11.644")


def test_the_level_is_infinite_when_nothing_is_owed() -> None:
    assert margin_level(D(5), D(0)) is None


def test_collateral_counts_by_marginal_tiers() -> None:
    tiers = (
        SimCollateralTier(D(0), D(1)),
        SimCollateralTier(D(100_000_000), D("0.975")),
        SimCollateralTier(D(120_000_000), D("0.95")),
    )
    assert collateral_value(D(6000) * D(20_000), tiers) == D(119_500_000)


@pytest.mark.parametrize(
    ("ratio", "quote_held", "quote_owed", "base_held", "base_owed", "expected", "danger"),
    [
        ("1.15", "0", "40000", "1", "0", "46000", "below"),
        ("1.15", "100", "40012.5", "1", "0", "45914.375", "below"),
        ("1.15", "50000", "0", "0", "0.8", "54347.83", "above"),
        ("1.05", "30000", "0", "0", "0.4", "71428.57", "above"),
        ("1.18", "0", "20000", "0.6", "0", "39333.33", "below"),
    ],
)
def test_isolated_liquidation_prices(
    ratio: str, quote_held: str, quote_owed: str, base_held: str, base_owed: str, expected: str, danger: str
) -> None:
    found = liquidation_price(D(ratio), D(quote_held), D(quote_owed), D(base_held), D(base_owed))
    assert found is not None
    price, side = found
    assert round(price, 2) == round(D(expected), 2)
    assert side == danger


def test_cross_liquidation_prices_of_the_sample_portfolio() -> None:
    btc = liquidation_price(D("1.1"), D(20_000), D(60_000), D("1.5"), D(0))
    eth = liquidation_price(D("1.1"), D(110_000), D(30_000), D(0), D(10))
    assert btc is not None
    assert eth is not None
    assert (round(btc[0], 2), btc[1]) == (D("30666.67"), "below")
    assert (eth[0], eth[1]) == (D(7000), "above")


def test_no_liquidation_price_where_no_positive_price_liquidates() -> None:
    assert liquidation_price(D("1.1"), D(100_000), D(10_000), D(1), D(0)) is None
    assert liquidation_price(D("1.1"), D(1), D(1), D("1.1"), D(1)) is None


@pytest.mark.parametrize(
    ("current", "status"),
    [
        (None, "EXCESSIVE"),
        ("2.01", "EXCESSIVE"),
        ("2", "NORMAL"),
        ("1.11", "NORMAL"),
        ("1.1", "MARGIN_CALL"),
        ("1.07", "PRE_LIQUIDATION"),
        ("1.05", "FORCE_LIQUIDATION"),
    ],
)
def test_isolated_status_follows_the_usual_bands(current: str | None, status: str) -> None:
    shown = isolated_status(None if current is None else D(current), margin_call=D("1.1"), liquidation=D("1.05"))
    assert shown == status
