"""Risk arithmetic over one set of prices: levels, liquidation prices, market moves, and what restores a target level.

Values are in one currency of account (USDT, or the quote of an isolated pair); levels and moves are ratios. Nothing is
rounded here: amounts.ceil_to and floor_to do that where an order is made. Two answers mean the same everywhere:
INFINITE, no move or amount can do it (or nothing is owed); ZERO, it is there already.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from monitor.core.model.account import INFINITE, ZERO
from monitor.core.numbers.amounts import ONE

Danger = Literal["below", "above"]
"""On which side of its liquidation price a price liquidates."""

TRANSFER_OUT_LEVEL = Decimal(2)
"""The collateral margin level that must remain after a transfer out of cross margin (Binance FAQ, 2024)."""


@dataclass(frozen=True, slots=True)
class Position:
    """What is held (free and locked) and owed (principal and interest) of one asset, and its price."""

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


class Exposure(NamedTuple):
    """The values of `Totals`, split into what moves with the market and what keeps its value."""

    stable_assets: Decimal
    stable_liabilities: Decimal
    volatile_assets: Decimal
    volatile_liabilities: Decimal

    @property
    def totals(self) -> Totals:
        return Totals(
            self.stable_assets + self.volatile_assets,
            self.stable_liabilities + self.volatile_liabilities,
        )


@dataclass(frozen=True, slots=True)
class CollateralTier:
    """Of an asset's value, the part above `start` and up to `end` (None: no end) counts with `ratio`."""

    start: Decimal
    end: Decimal | None
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class LiquidationPrice:
    """The price at which the level meets the bar. `now`: it is there already, and `price` is the present one."""

    price: Decimal
    danger: Danger | None
    now: bool = False


def margin_level(assets: Decimal, liabilities: Decimal) -> Decimal:
    """Assets ÷ liabilities, without haircuts; INFINITE when nothing is owed (cross and isolated alike)."""
    return assets / liabilities if liabilities > ZERO else INFINITE


def totals(positions: Iterable[Position]) -> Totals:
    """The value held and the value owed; zero both without positions."""
    assets = liabilities = ZERO
    for position in positions:
        assets += position.held * position.price
        liabilities += position.owed * position.price
    return Totals(assets, liabilities)


def exposure(positions: Iterable[Position], stables: Container[str]) -> Exposure:
    """The totals, split by whether the asset is one of `stables`."""
    stable: list[Position] = []
    volatile: list[Position] = []
    for position in positions:
        (stable if position.asset in stables else volatile).append(position)
    calm, moving = totals(stable), totals(volatile)
    return Exposure(calm.assets, calm.liabilities, moving.assets, moving.liabilities)


def collateral_value(value: Decimal, tiers: Sequence[CollateralTier]) -> Decimal:
    """What counts of an asset's `value` as collateral: each part with the ratio of its tier.

    Zero without tiers: an asset in no group of the venue's table is not counted on.
    """
    counted = ZERO
    for tier in tiers:
        upper = value if tier.end is None else min(value, tier.end)
        if upper > tier.start:
            counted += (upper - tier.start) * tier.ratio
    return counted


def marginal_ratio(value: Decimal, tiers: Sequence[CollateralTier]) -> Decimal:
    """The ratio that more of an asset counts with, once `value` of it is held; zero beyond its tiers."""
    return next((t.ratio for t in tiers if t.start <= value and (t.end is None or value < t.end)), ZERO)


def isolated_level(
    *, base_held: Decimal, base_owed: Decimal, quote_held: Decimal, quote_owed: Decimal, price: Decimal
) -> Decimal:
    """Margin level of an isolated pair at `price` (quote per base); INFINITE when neither side is owed."""
    return margin_level(base_held * price + quote_held, base_owed * price + quote_owed)


def isolated_liquidation_price(
    *,
    base_held: Decimal,
    base_owed: Decimal,
    quote_held: Decimal,
    quote_owed: Decimal,
    price: Decimal,
    level: Decimal,
) -> LiquidationPrice | None:
    """The price (quote per base) at which an isolated pair falls to `level`, its liquidation ratio.

    None when no price does it, or nothing is owed.
    """
    base = Position("base", base_held, base_owed, price)
    everything = Totals(base_held * price + quote_held, base_owed * price + quote_owed)
    return liquidation_price(base, everything, level)


def danger_direction(held: Decimal, owed: Decimal, level: Decimal) -> Danger | None:
    """Whether a fall or a rise of one asset's price brings the account to `level`; None: its price does not matter."""
    weight = held - level * owed
    if weight > ZERO:
        return "below"
    return "above" if weight < ZERO else None


def liquidation_price(position: Position, everything: Totals, level: Decimal) -> LiquidationPrice | None:
    """The price of one asset at which the account falls to `level` while all other prices stay.

    `everything` is the whole account, this position included. None when no price of this asset does it, or nothing is
    owed; `now` when the level is already at or below.
    """
    if everything.liabilities <= ZERO:
        return None
    danger = danger_direction(position.held, position.owed, level)
    if everything.assets <= level * everything.liabilities:
        return LiquidationPrice(position.price, danger, now=True)
    if danger is None:
        return None
    other_assets = everything.assets - position.held * position.price
    other_liabilities = everything.liabilities - position.owed * position.price
    price = (level * other_liabilities - other_assets) / (position.held - level * position.owed)
    return LiquidationPrice(price, danger) if price > ZERO else None


def drop_to_level(parts: Exposure, level: Decimal) -> Decimal:
    """The fraction (0 to 1) by which all volatile assets, held and owed, must fall together to reach `level`.

    INFINITE when no fall does it or nothing is owed, ZERO when the level is already at or below.
    """
    factor = _factor_to_level(parts, level)
    if factor is None:
        return INFINITE
    return ONE - factor if ZERO < factor <= ONE else INFINITE


def rise_to_level(parts: Exposure, level: Decimal) -> Decimal:
    """The fraction (may exceed 1) by which all volatile assets must rise together to reach `level`.

    INFINITE when no rise does it or nothing is owed, ZERO when the level is already at or below.
    """
    factor = _factor_to_level(parts, level)
    return factor - ONE if factor is not None and factor >= ONE else INFINITE


def move_to_level(parts: Exposure, level: Decimal) -> Decimal:
    """The smaller of the fall and the rise that lead to `level`: both in one go.

    INFINITE when neither does it or nothing is owed, ZERO when the level is already at or below.
    """
    factor = _factor_to_level(parts, level)
    return abs(ONE - factor) if factor is not None and factor > ZERO else INFINITE


def isolated_distance(index: Decimal, liquidation: LiquidationPrice | None) -> Decimal:
    """|index − liquidation price| ÷ index: INFINITE without a liquidation price, ZERO when it is reached.

    May exceed 1 for a short. Raises ValueError unless the index is positive.
    """
    if index <= ZERO:
        raise ValueError(f"an index price must be positive, not {index}")
    if liquidation is None:
        return INFINITE
    return ZERO if liquidation.now else abs(index - liquidation.price) / index


def repay_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Value to repay from what the account holds, for the margin level to become `target`.

    ZERO when the level is already there or nothing is owed. INFINITE when less is held than owed, where repaying makes
    it worse. Raises ValueError if target <= 1, where repaying cannot raise the level.
    """
    if target <= ONE:
        raise ValueError(f"repaying can't lead to a level of {target}; the target must be above 1")
    return _swap_to_reach(target, assets, liabilities, spent=ONE, repaid=ONE)


def transfer_in_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Value to bring in as collateral, for the margin level to become `target`; ZERO when it is there already."""
    return max(ZERO, target * liabilities - assets)


def transfer_and_repay_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal) -> Decimal:
    """Value to bring in and repay at once, for the margin level to become `target`: 1/target of what collateral costs.

    ZERO when it is there already. Never more than what is owed. Raises ValueError unless the target is positive.
    """
    if target <= ZERO:
        raise ValueError(f"the target must be positive, not {target}")
    return max(ZERO, liabilities - assets / target)


def sell_to_reach(target: Decimal, assets: Decimal, liabilities: Decimal, cost: Decimal) -> Decimal:
    """Value to sell and repay with the proceeds, losing the fraction `cost` (fee and slippage) on the way.

    The same for buying back a short: the value spent. ZERO when the level is already there or nothing is owed; INFINITE
    when the cost eats the effect (level below 1 ÷ (1 − cost)). Raises ValueError when target × (1 − cost) <= 1.
    """
    kept = ONE - cost
    if target * kept <= ONE:
        raise ValueError(f"selling at a cost of {cost} can't lead to a level of {target}")
    return _swap_to_reach(target, assets, liabilities, spent=ONE, repaid=kept)


def repay_to_reach_collateral_level(
    target: Decimal, collateral: Decimal, liabilities: Decimal, ratio: Decimal
) -> Decimal:
    """Value to repay from what the account holds, for the *collateral* margin level to become `target`.

    `ratio` is the marginal haircut ratio of the asset repaid with. ZERO and INFINITE as in `repay_to_reach`. Raises
    ValueError unless target > ratio.
    """
    if target <= ratio:
        raise ValueError(f"repaying collateral that counts {ratio} can't lead to a level of {target}")
    return _swap_to_reach(target, collateral, liabilities, spent=ratio, repaid=ONE)


def largest_transfer_out(
    collateral: Decimal, liabilities: Decimal, ratio: Decimal, level: Decimal = TRANSFER_OUT_LEVEL
) -> Decimal:
    """Largest value of an asset that may leave while the collateral margin level stays at `level`.

    `ratio` is the marginal haircut ratio of the asset. ZERO when nothing may leave; INFINITE when nothing is owed or
    the asset does not count: then only what is free limits it. The venue's own maxTransferable is the authority.
    """
    if liabilities <= ZERO:
        return INFINITE
    room = collateral - level * liabilities
    if room <= ZERO:
        return ZERO
    return room / ratio if ratio > ZERO else INFINITE


def largest_tiered_transfer_out(
    value: Decimal,
    tiers: Sequence[CollateralTier],
    collateral: Decimal,
    liabilities: Decimal,
    level: Decimal = TRANSFER_OUT_LEVEL,
) -> Decimal:
    """The same for an asset held for `value` and counted by `tiers`: what counts least leaves first.

    At most `value`. `tiers` in ascending order.
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


def _factor_to_level(parts: Exposure, level: Decimal) -> Decimal | None:
    """The factor on all volatile prices that meets `level`: 1 when already there, None when there is none."""
    everything = parts.totals
    if everything.liabilities <= ZERO:
        return None
    if everything.assets <= level * everything.liabilities:
        return ONE
    weight = parts.volatile_assets - level * parts.volatile_liabilities
    if not weight:
        return None
    return (level * parts.stable_liabilities - parts.stable_assets) / weight


def _swap_to_reach(
    target: Decimal, assets: Decimal, liabilities: Decimal, *, spent: Decimal, repaid: Decimal
) -> Decimal:
    """Value v with (assets − v·spent) = target · (liabilities − v·repaid); INFINITE when v·repaid exceeds the debt."""
    missing = target * liabilities - assets
    if liabilities <= ZERO or missing <= ZERO:
        return ZERO
    if assets * repaid < liabilities * spent:
        return INFINITE
    return missing / (target * repaid - spent)
