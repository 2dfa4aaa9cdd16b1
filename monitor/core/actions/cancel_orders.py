"""Action kind `cancel_orders`: open orders of a symbol whose locked funds would help, to repay with or to sell."""

from decimal import Decimal

from monitor.core.actions.proposal import MIN_ORDER_USDT, NoProposal, Proposal
from monitor.core.actions.scope_position import AssetPosition, ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.sizing import repay_to_reach
from monitor.core.model.order import CancelOrders
from monitor.core.model.symbols import OpenOrder
from monitor.core.numbers.amounts import ONE, ZERO


def propose_cancellation(
    position: ScopePosition,
    spec: ActionSpec,
    target: Decimal | None,
    sellable: frozenset[str] | None,
    *,
    unsettled: frozenset[str] = frozenset(),
    only_symbol: str | None = None,
) -> Proposal | NoProposal:
    """Propose to cancel the orders of the symbol that locks most of a useful asset.

    An asset that is owed comes first, then one of `sellable` (None: any asset). Nothing is proposed while the free
    balances are enough to repay until the level is `target`. `unsettled` are symbols with a cancellation under way.
    `only_symbol` restricts the choice to one symbol.
    """
    if not any(row.balance.owed for row in position.by_asset.values()):
        return NoProposal("nothing is owed")
    if target is not None and position.level >= target:
        return NoProposal("the target is reached")
    if target is not None and _is_enough_free(position, target):
        return NoProposal("what is free is enough to repay with")
    locked = {
        asset: row
        for asset, row in position.by_asset.items()
        if row.balance.locked * row.price >= MIN_ORDER_USDT
        and spec.asset in (None, asset)
        and (row.balance.owed or sellable is None or asset in sellable)
    }
    if not locked:
        return NoProposal("no order locks anything that would help")
    orders = [
        order for order in position.open_orders if only_symbol in (None, order.symbol) and order.symbol not in unsettled
    ]
    found = [(order.symbol, asset) for asset in locked for order in orders if _locks(position, order, asset)]
    if not found:
        names = ", ".join(sorted(locked))
        return NoProposal(
            f"which orders lock {names} is not known yet; cancel them by hand",
            is_blocked=True,
            requested_reads=frozenset({"orders"}),
        )
    symbol, frees = max(found, key=lambda pair: _rank(locked[pair[1]]))
    order = CancelOrders(position.scope, symbol, frees)
    after = position.after(order).level
    reason = f"cancel the orders on {symbol}, which lock {frees}"
    return Proposal(spec.name, "cancel_orders", order, ZERO, position.level, after, reason)


def _is_enough_free(position: ScopePosition, target: Decimal) -> bool:
    if target <= ONE:
        return True
    needed = repay_to_reach(target, position.assets, position.liabilities)
    idle = sum((min(row.balance.free, row.balance.owed) * row.price for row in position.by_asset.values()), ZERO)
    return idle >= needed


def _locks(position: ScopePosition, order: OpenOrder, asset: str) -> bool:
    """Return whether the order locks the asset: a sell order locks the base, a buy order the quote."""
    market = position.symbol_rules.by_symbol.get(order.symbol)
    if market is not None:
        return asset == (market.base if order.side == "SELL" else market.quote)
    return order.symbol.startswith(asset) if order.side == "SELL" else order.symbol.endswith(asset)


def _rank(asset_position: AssetPosition) -> tuple[bool, Decimal]:
    """Rank of a locked asset: one that is owed before one that would have to be sold, then by locked value."""
    return asset_position.balance.owed > ZERO, asset_position.balance.locked * asset_position.price
