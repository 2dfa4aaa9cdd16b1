"""What a hand could do to bring a scope back to a level: the routes, their cost, and whether they can be gone now."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.core.actions.position import AssetPosition, ScopePosition
from monitor.core.margin.sizing import repay_to_reach, sell_to_reach, transfer_and_repay_to_reach, transfer_in_to_reach
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO, ceil_to

RecoveryRoute = Literal["repay", "transfer_in", "transfer_and_repay", "reduce"]

SELLING_COST = Decimal("0.011")
"""What selling in a hurry loses: a fee of 0.1 % and the slippage of 1 % that a `reduce` allows by default."""


@dataclass(frozen=True, slots=True)
class RecoveryOption:
    """One route: so much of an asset. `feasible`: it is at hand now, by what was last read.

    `repays`: the debt that is repaid with what `asset` is sold for.
    """

    route: RecoveryRoute
    asset: str
    amount: Decimal
    value_usdt: Decimal
    feasible: bool
    repays: str = ""


def recovery_options(position: ScopePosition, target: Decimal) -> tuple[RecoveryOption, ...]:
    """The routes to `target`, the cheapest first; empty when the level is there or nothing is owed.

    One asset each, that with most at hand: a debt for the routes that repay, any asset of the scope as collateral.
    """
    if not position.level.is_finite() or position.level >= target or target <= ZERO:
        return ()
    debts = {asset: row for asset, row in position.by_asset.items() if row.balance.owed > ZERO}
    if not debts:
        return ()
    idle = {asset: min(row.balance.free, row.balance.owed) for asset, row in debts.items()}
    brought = {asset: min(_external_free(position, asset), row.balance.owed) for asset, row in debts.items()}
    outside = {asset: _external_free(position, asset) for asset in position.by_asset}
    options: list[RecoveryOption] = []
    if target > ONE:
        value = repay_to_reach(target, position.assets, position.liabilities)
        if value.is_finite():
            options.append(_option("repay", position, idle, value))
    value = transfer_and_repay_to_reach(target, position.assets, position.liabilities)
    options.append(_option("transfer_and_repay", position, brought, value))
    options.append(
        _option("transfer_in", position, outside, transfer_in_to_reach(target, position.assets, position.liabilities))
    )
    sold = _sale(position, debts, target)
    if sold is not None:
        options.append(sold)
    return tuple(sorted(options, key=lambda option: option.value_usdt))


def _sale(position: ScopePosition, debts: Mapping[str, AssetPosition], target: Decimal) -> RecoveryOption | None:
    """Sell what is free for a debt that the scope trades it for, the largest first; None where that can't help.

    Of what is both held and owed only the difference, so that no position is turned round; dollars are none.
    In cross everything trades for USDT, in a pair its two assets for each other.
    """
    if target * (ONE - SELLING_COST) <= ONE:
        return None
    value = sell_to_reach(target, position.assets, position.liabilities, SELLING_COST)
    pairs = [
        (asset, debt)
        for asset, row in position.by_asset.items()
        for debt in debts
        if asset != debt and row.sellable > ZERO and _owed_shortfall(debts[debt]) > ZERO
        if position.scope.symbol or "USDT" in (asset, debt)
    ]
    if not value.is_finite() or not pairs:
        return None

    def suits(pair: tuple[str, str]) -> tuple[bool, Decimal]:
        sold, owing = position.by_asset[pair[0]], debts[pair[1]]
        free, owed = sold.sellable * sold.price, _owed_shortfall(owing) * owing.price
        return free >= value and owed >= value * (ONE - SELLING_COST), free

    asset, debt = max(pairs, key=suits)
    price = position.by_asset[asset].price
    amount = ceil_to(value / price, EIGHT_DECIMALS)
    is_enough = suits((asset, debt))[0] and amount <= position.by_asset[asset].sellable
    return RecoveryOption("reduce", asset, amount, amount * price, is_enough, debt)


def _owed_shortfall(asset_position: AssetPosition) -> Decimal:
    return asset_position.balance.owed if asset_position.balance.asset == "USDT" else asset_position.shortfall


def _option(
    route: RecoveryRoute, position: ScopePosition, at_hand: Mapping[str, Decimal], value: Decimal
) -> RecoveryOption:
    """The route with the asset that most is at hand of; of equals, the one most is owed of."""

    def worth(asset: str) -> tuple[Decimal, Decimal]:
        row = position.by_asset[asset]
        return at_hand[asset] * row.price, row.balance.owed * row.price

    asset = max(at_hand, key=worth)
    price = position.by_asset[asset].price
    amount = ceil_to(value / price, EIGHT_DECIMALS)
    return RecoveryOption(route, asset, amount, amount * price, amount <= at_hand[asset])


def _external_free(position: ScopePosition, asset: str) -> Decimal:
    """What is free of an asset in the wallets outside margin."""
    return sum((position.external.get(place, {}).get(asset, ZERO) for place in ("spot", "funding")), ZERO)
