"""Cancel the open orders of a symbol, where what they lock would help: to repay with it, or to sell it."""

from decimal import Decimal

from monitor.core.actions.position import AssetPosition, ScopePosition
from monitor.core.actions.proposal import MIN_ORDER_USDT, NoProposal, Proposal
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
    """The symbol whose orders lock most of what would help: of what is owed, then of `sellable` (None: of anything).

    Nothing while the debts can be repaid down to `target` with what is free. `busy` are symbols with a cancellation
    under way; `only` the one symbol that is looked at.
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
    orders = [one for one in position.open_orders if only_symbol in (None, one.symbol) and one.symbol not in unsettled]
    found = [(one.symbol, asset) for asset in locked for one in orders if _locks(position, one, asset)]
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
    """Whether the order locks the asset: whoever sells locks the base, whoever buys the quote."""
    market = position.symbol_rules.by_symbol.get(order.symbol)
    if market is not None:
        return asset == (market.base if order.side == "SELL" else market.quote)
    return order.symbol.startswith(asset) if order.side == "SELL" else order.symbol.endswith(asset)


def _rank(asset_position: AssetPosition) -> tuple[bool, Decimal]:
    """What is owed itself before anything that would have to be sold; more before less."""
    return asset_position.balance.owed > ZERO, asset_position.balance.locked * asset_position.price
