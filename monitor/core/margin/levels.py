"""Margin levels, total values, and the market moves that lead to a level.

Values are in one currency of account (USDT, or the quote of an isolated pair); levels and moves are ratios. Nothing is
rounded here: amounts.ceil_to and floor_to do that where an order is made. Two results mean the same in all of
`core/margin`: INFINITE, no move or amount reaches the level (or nothing is owed); ZERO, the level is reached already.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from monitor.core.numbers.amounts import INFINITE, ONE, ZERO


@dataclass(frozen=True, slots=True)
class Position:
    """The held (free and locked) and owed (principal and interest) amounts of one asset, and its price."""

    asset: str
    held: Decimal
    owed: Decimal
    price: Decimal


class Totals(NamedTuple):
    """The value of everything held and of everything owed."""

    assets: Decimal
    liabilities: Decimal

    @property
    def level(self) -> Decimal:
        return margin_level(self.assets, self.liabilities)

    @property
    def equity(self) -> Decimal:
        return self.assets - self.liabilities


@dataclass(frozen=True)
class Exposure:
    """The values of `Totals`, split into a part that moves with the market and a part that keeps its value."""

    stable_assets: Decimal
    stable_liabilities: Decimal
    volatile_assets: Decimal
    volatile_liabilities: Decimal

    @cached_property
    def totals(self) -> Totals:
        return Totals(
            self.stable_assets + self.volatile_assets,
            self.stable_liabilities + self.volatile_liabilities,
        )


def margin_level(assets: Decimal, liabilities: Decimal) -> Decimal:
    """Return assets ÷ liabilities, without haircuts; INFINITE when nothing is owed (cross and isolated alike)."""
    return assets / liabilities if liabilities > ZERO else INFINITE


def sum_positions(positions: Iterable[Position]) -> Totals:
    """Return the value held and the value owed; both zero without positions."""
    assets = liabilities = ZERO
    for position in positions:
        assets += position.held * position.price
        liabilities += position.owed * position.price
    return Totals(assets, liabilities)


def split_exposure(positions: Iterable[Position], stables: Container[str]) -> Exposure:
    """Return the totals, split by whether the asset is one of `stables`."""
    stable: list[Position] = []
    volatile: list[Position] = []
    for position in positions:
        (stable if position.asset in stables else volatile).append(position)
    stable_totals, volatile_totals = sum_positions(stable), sum_positions(volatile)
    return Exposure(
        stable_totals.assets, stable_totals.liabilities, volatile_totals.assets, volatile_totals.liabilities
    )


def isolated_level(
    *, base_held: Decimal, base_owed: Decimal, quote_held: Decimal, quote_owed: Decimal, price: Decimal
) -> Decimal:
    """Return the level of an isolated pair at `price` (quote per base); INFINITE when neither side is owed."""
    return margin_level(base_held * price + quote_held, base_owed * price + quote_owed)


def drop_to_level(exposure: Exposure, level: Decimal) -> Decimal:
    """Return the fraction (0 to 1) by which all volatile assets, held and owed, must fall together to reach `level`.

    INFINITE when no fall reaches it or nothing is owed, ZERO when the level is already at or below.
    """
    factor = _factor_to_level(exposure, level)
    if factor is None:
        return INFINITE
    return ONE - factor if ZERO < factor <= ONE else INFINITE


def rise_to_level(exposure: Exposure, level: Decimal) -> Decimal:
    """Return the fraction (may exceed 1) by which all volatile assets must rise together to reach `level`.

    INFINITE when no rise reaches it or nothing is owed, ZERO when the level is already at or below.
    """
    factor = _factor_to_level(exposure, level)
    return factor - ONE if factor is not None and factor >= ONE else INFINITE


def move_to_level(exposure: Exposure, level: Decimal) -> Decimal:
    """Return the smaller of the fall and the rise that lead to `level`; computes both together.

    INFINITE when neither reaches it or nothing is owed, ZERO when the level is already at or below.
    """
    factor = _factor_to_level(exposure, level)
    return abs(ONE - factor) if factor is not None and factor > ZERO else INFINITE


def _factor_to_level(exposure: Exposure, level: Decimal) -> Decimal | None:
    """Return the factor on all volatile prices that meets `level`: 1 when already there, None when there is none."""
    everything = exposure.totals
    if everything.liabilities <= ZERO:
        return None
    if everything.assets <= level * everything.liabilities:
        return ONE
    weight = exposure.volatile_assets - level * exposure.volatile_liabilities
    if not weight:
        return None
    return (level * exposure.stable_liabilities - exposure.stable_assets) / weight
