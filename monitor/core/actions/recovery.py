"""Recovery options of a scope: the routes back to a level, their cost, and whether they are feasible now."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from monitor.core.actions.scope_position import AssetPosition, ScopePosition
from monitor.core.margin.sizing import repay_to_reach, sell_to_reach, transfer_and_repay_to_reach, transfer_in_to_reach
from monitor.core.model.order import RecoveryRoute
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO, ceil_to

SELLING_COST = Decimal("0.011")
"""Cost of a sale as a share of its value: a fee of 0.1 % and the slippage of 1 % that a `reduce` allows by default."""


@dataclass(frozen=True, slots=True)
class RecoveryOption:
    """One route with its asset and amount. `feasible`: the amount is available by the last read.

    `repays` is the debt that is repaid with the proceeds of `asset`; empty for a route that sells nothing.
    """

    route: RecoveryRoute
    asset: str
    amount: Decimal
    value_usdt: Decimal
    feasible: bool
    repays: str = ""


def recovery_options(position: ScopePosition, target: Decimal) -> tuple[RecoveryOption, ...]:
    """Routes to the level `target`, cheapest first; empty if the level is reached or nothing is owed.

    Each route uses the one asset with most available: a debt for the routes that repay, any asset of the scope as
    collateral.
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
    """Route that sells a free asset for a debt, the largest free value first; None if selling can't help.

    Of an asset both held and owed only the difference counts, so that no position changes its sign; this does not apply
    to a debt in USDT. In cross every asset trades for USDT, in a pair its two assets for each other.
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
    """Route with the asset of the largest available value; of equals, the one with the largest debt."""

    def worth(asset: str) -> tuple[Decimal, Decimal]:
        row = position.by_asset[asset]
        return at_hand[asset] * row.price, row.balance.owed * row.price

    asset = max(at_hand, key=worth)
    price = position.by_asset[asset].price
    amount = ceil_to(value / price, EIGHT_DECIMALS)
    return RecoveryOption(route, asset, amount, amount * price, amount <= at_hand[asset])


def _external_free(position: ScopePosition, asset: str) -> Decimal:
    """Free amount of an asset in the wallets outside margin."""
    return sum((position.external.get(place, {}).get(asset, ZERO) for place in ("spot", "funding")), ZERO)
