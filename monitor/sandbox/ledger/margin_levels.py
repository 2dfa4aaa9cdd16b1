"""Margin levels and liquidation prices by the published formulas: pure arithmetic on amounts of one currency."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ZERO
from monitor.sandbox.scenario.scenario import SimCollateralTier

SimLiquidationSide = Literal["below", "above"]
IsolatedStatus = Literal["EXCESSIVE", "NORMAL", "MARGIN_CALL", "PRE_LIQUIDATION", "FORCE_LIQUIDATION"]

EXCESSIVE_LEVEL = Decimal(2)
# The narrow band above liquidation of the older tier tables: 1.07 for a liquidation ratio of 1.05.
PRE_LIQUIDATION_SHARE = Decimal("0.4")


def margin_level(assets: Decimal, liabilities: Decimal) -> Decimal | None:
    """Assets ÷ liabilities, unrounded; None (infinite) when nothing is owed."""
    return assets / liabilities if liabilities else None


def collateral_value(value: Decimal, tiers: Sequence[SimCollateralTier]) -> Decimal:
    """The part of `value` (USD) that counts as collateral: each tier's share of the value inside it."""
    counted = ZERO
    for number, tier in enumerate(tiers):
        upper = tiers[number + 1].min_usd if number + 1 < len(tiers) else value
        counted += max(ZERO, min(value, upper) - tier.min_usd) * tier.rate
    return counted


def liquidation_price(
    ratio: Decimal, other_assets: Decimal, other_liabilities: Decimal, held_amount: Decimal, owed_amount: Decimal
) -> tuple[Decimal, SimLiquidationSide] | None:
    """The price of one asset at which the level falls to `ratio`, others fixed, and the side of danger.

    `other_*` are values without that asset. None when no positive price of it does so.
    """
    weight = held_amount - ratio * owed_amount
    if not weight:
        return None
    price = (ratio * other_liabilities - other_assets) / weight
    if price <= 0:
        return None
    return price, "below" if weight > 0 else "above"


def isolated_status(current: Decimal | None, *, margin_call: Decimal, liquidation: Decimal) -> IsolatedStatus:
    """The status word of an isolated pair. The exact limits are not documented: these are the usual reading."""
    if current is None or current > EXCESSIVE_LEVEL:
        return "EXCESSIVE"
    if current > margin_call:
        return "NORMAL"
    if current > liquidation + (margin_call - liquidation) * PRE_LIQUIDATION_SHARE:
        return "MARGIN_CALL"
    return "PRE_LIQUIDATION" if current > liquidation else "FORCE_LIQUIDATION"
