"""The price at which a position meets its liquidation level."""

from dataclasses import dataclass
from decimal import Decimal

from monitor.core.margin.levels import Position, Totals
from monitor.core.model.metric_values import LiquidationSide
from monitor.core.numbers.amounts import ZERO


@dataclass(frozen=True, slots=True)
class LiquidationPrice:
    """The price at which the level reaches liquidation.

    `is_reached`: the level is there already, and `price` is the present one.
    """

    price: Decimal
    side: LiquidationSide | None
    is_reached: bool = False


def isolated_liquidation_price(
    *,
    base_held: Decimal,
    base_owed: Decimal,
    quote_held: Decimal,
    quote_owed: Decimal,
    price: Decimal,
    level: Decimal,
) -> LiquidationPrice | None:
    """Return the price (quote per base) at which an isolated pair falls to `level`, its liquidation ratio.

    None when no price reaches it, or nothing is owed.
    """
    base = Position("base", base_held, base_owed, price)
    everything = Totals(base_held * price + quote_held, base_owed * price + quote_owed)
    return liquidation_price(base, everything, level)


def liquidation_side(held: Decimal, owed: Decimal, level: Decimal) -> LiquidationSide | None:
    """Return the direction of one asset's price that brings the account to `level`: a fall to below, a rise to above.

    None when the price of the asset does not matter.
    """
    weight = held - level * owed
    if weight > ZERO:
        return "below"
    return "above" if weight < ZERO else None


def liquidation_price(position: Position, account_totals: Totals, level: Decimal) -> LiquidationPrice | None:
    """Return the price of one asset at which the account falls to `level` while all other prices stay.

    `account_totals` is the whole account, `position` included. None when no price of this asset reaches it, or nothing
    is owed; `is_reached` when the level is already at or below.
    """
    if account_totals.liabilities <= ZERO:
        return None
    danger = liquidation_side(position.held, position.owed, level)
    if account_totals.assets <= level * account_totals.liabilities:
        return LiquidationPrice(position.price, danger, is_reached=True)
    if danger is None:
        return None
    other_assets = account_totals.assets - position.held * position.price
    other_liabilities = account_totals.liabilities - position.owed * position.price
    price = (level * other_liabilities - other_assets) / (position.held - level * position.owed)
    return LiquidationPrice(price, danger) if price > ZERO else None
