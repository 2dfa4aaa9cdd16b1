"""What a hand could do to bring a scope back to a level: the routes, their cost, and whether they can be gone now."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.core.actions.position import Row, Standing
from monitor.core.margin.sizing import repay_to_reach, sell_to_reach, transfer_and_repay_to_reach, transfer_in_to_reach
from monitor.core.numbers.amounts import EIGHT, ONE, ZERO, ceil_to

Route = Literal["repay", "transfer_in", "transfer_and_repay", "reduce"]

SELLING_COST = Decimal("0.011")
"""What selling in a hurry loses: a fee of 0.1 % and the slippage of 1 % that a `reduce` allows by default."""


@dataclass(frozen=True, slots=True)
class RestoreOption:
    """One route: so much of an asset. `feasible`: it is at hand now, by what was last read.

    `repays`: the debt that is repaid with what `asset` is sold for.
    """

    route: Route
    asset: str
    amount: Decimal
    value_usdt: Decimal
    feasible: bool
    repays: str = ""


def restore_options(standing: Standing, target: Decimal) -> tuple[RestoreOption, ...]:
    """The routes to `target`, the cheapest first; empty when the level is there or nothing is owed.

    One asset each, that with most at hand: a debt for the routes that repay, any asset of the scope as collateral.
    """
    if not standing.level.is_finite() or standing.level >= target or target <= ZERO:
        return ()
    debts = {asset: row for asset, row in standing.rows.items() if row.balance.owed > ZERO}
    if not debts:
        return ()
    idle = {asset: min(row.balance.free, row.balance.owed) for asset, row in debts.items()}
    brought = {asset: min(_outside(standing, asset), row.balance.owed) for asset, row in debts.items()}
    outside = {asset: _outside(standing, asset) for asset in standing.rows}
    options: list[RestoreOption] = []
    if target > ONE:
        value = repay_to_reach(target, standing.assets, standing.liabilities)
        if value.is_finite():
            options.append(_option("repay", standing, idle, value))
    value = transfer_and_repay_to_reach(target, standing.assets, standing.liabilities)
    options.append(_option("transfer_and_repay", standing, brought, value))
    options.append(
        _option("transfer_in", standing, outside, transfer_in_to_reach(target, standing.assets, standing.liabilities))
    )
    sold = _sale(standing, debts, target)
    if sold is not None:
        options.append(sold)
    return tuple(sorted(options, key=lambda option: option.value_usdt))


def _sale(standing: Standing, debts: Mapping[str, Row], target: Decimal) -> RestoreOption | None:
    """Sell what is free for a debt that the scope trades it for, the largest first; None where that can't help.

    Of what is both held and owed only the difference, so that no position is turned round; dollars are none.
    In cross everything trades for USDT, in a pair its two assets for each other.
    """
    if target * (ONE - SELLING_COST) <= ONE:
        return None
    value = sell_to_reach(target, standing.assets, standing.liabilities, SELLING_COST)
    pairs = [
        (asset, debt)
        for asset, row in standing.rows.items()
        for debt in debts
        if asset != debt and row.spare > ZERO and _short(debts[debt]) > ZERO
        if standing.scope.symbol or "USDT" in (asset, debt)
    ]
    if not value.is_finite() or not pairs:
        return None

    def suits(pair: tuple[str, str]) -> tuple[bool, Decimal]:
        sold, owing = standing.rows[pair[0]], debts[pair[1]]
        free, owed = sold.spare * sold.price, _short(owing) * owing.price
        return free >= value and owed >= value * (ONE - SELLING_COST), free

    asset, debt = max(pairs, key=suits)
    price = standing.rows[asset].price
    amount = ceil_to(value / price, EIGHT)
    is_enough = suits((asset, debt))[0] and amount <= standing.rows[asset].spare
    return RestoreOption("reduce", asset, amount, amount * price, is_enough, debt)


def _short(row: Row) -> Decimal:
    return row.balance.owed if row.balance.asset == "USDT" else row.lacking


def _option(route: Route, standing: Standing, at_hand: Mapping[str, Decimal], value: Decimal) -> RestoreOption:
    """The route with the asset that most is at hand of; of equals, the one most is owed of."""

    def worth(asset: str) -> tuple[Decimal, Decimal]:
        row = standing.rows[asset]
        return at_hand[asset] * row.price, row.balance.owed * row.price

    asset = max(at_hand, key=worth)
    price = standing.rows[asset].price
    amount = ceil_to(value / price, EIGHT)
    return RestoreOption(route, asset, amount, amount * price, amount <= at_hand[asset])


def _outside(standing: Standing, asset: str) -> Decimal:
    """What is free of an asset in the wallets outside margin."""
    return sum((standing.outside.get(place, {}).get(asset, ZERO) for place in ("spot", "funding")), ZERO)
