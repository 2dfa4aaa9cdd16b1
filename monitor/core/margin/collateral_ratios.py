"""Collateral value by the exchange's ratios, and the value that may be transferred out."""

from collections.abc import Sequence
from decimal import Decimal

from monitor.core.model.account import CollateralTier
from monitor.core.numbers.amounts import ZERO

TRANSFER_OUT_LEVEL = Decimal(2)
"""The collateral margin level that must remain after a transfer out of cross margin (Binance FAQ, 2024)."""


def collateral_value(value: Decimal, tiers: Sequence[CollateralTier]) -> Decimal:
    """Return the part of an asset's `value` that counts as collateral: each part with the ratio of its tier.

    Zero without tiers: an asset in no group of the exchange's table does not count.
    """
    counted = ZERO
    for tier in tiers:
        upper = value if tier.end is None else min(value, tier.end)
        if upper > tier.start:
            counted += (upper - tier.start) * tier.ratio
    return counted


def marginal_ratio(value: Decimal, tiers: Sequence[CollateralTier]) -> Decimal:
    """Return the ratio of the next unit of an asset of which `value` is held; zero beyond its tiers."""
    return next((t.ratio for t in tiers if t.start <= value and (t.end is None or value < t.end)), ZERO)


def max_tiered_transfer_out(
    value: Decimal,
    tiers: Sequence[CollateralTier],
    collateral: Decimal,
    liabilities: Decimal,
    level: Decimal = TRANSFER_OUT_LEVEL,
) -> Decimal:
    """Return the largest value of an asset that may leave while the collateral margin level stays at `level`.

    At most `value`, for which the asset is held. `tiers` in ascending order: the part with the lowest ratio leaves
    first. The exchange's own maxTransferable is the authority.
    """
    room = collateral - level * liabilities
    if liabilities > ZERO and room <= ZERO:
        return ZERO
    needed = collateral_value(value, tiers) - room
    if liabilities <= ZERO or needed <= ZERO:
        return value
    for tier in tiers:
        upper = value if tier.end is None else min(value, tier.end)
        counted = max(ZERO, upper - tier.start) * tier.ratio
        if counted >= needed:
            return value - (tier.start + needed / tier.ratio)
        needed -= counted
    return ZERO
