"""Cancel the open orders of a symbol, where what they lock would help: to repay with it, or to sell it."""

from decimal import Decimal

from monitor.core.actions.position import Row, Standing
from monitor.core.actions.proposal import LEAST_WORTH, Nothing, Proposal
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.sizing import repay_to_reach
from monitor.core.model.order import CancelOrders
from monitor.core.model.symbols import Resting
from monitor.core.numbers.amounts import ONE, ZERO


def propose(
    standing: Standing,
    spec: ActionSpec,
    target: Decimal | None,
    sellable: frozenset[str] | None,
    *,
    busy: frozenset[str] = frozenset(),
    only: str | None = None,
) -> Proposal | Nothing:
    """The symbol whose orders lock most of what would help: of what is owed, then of `sellable` (None: of anything).

    Nothing while the debts can be repaid down to `target` with what is free. `busy` are symbols with a cancellation
    under way; `only` the one symbol that is looked at.
    """
    if not any(row.balance.owed for row in standing.rows.values()):
        return Nothing("nothing is owed")
    if target is not None and standing.level >= target:
        return Nothing("the target is reached")
    if target is not None and _is_enough_free(standing, target):
        return Nothing("what is free is enough to repay with")
    locked = {
        asset: row
        for asset, row in standing.rows.items()
        if row.balance.locked * row.price >= LEAST_WORTH
        and spec.asset in (None, asset)
        and (row.balance.owed or sellable is None or asset in sellable)
    }
    if not locked:
        return Nothing("no order locks anything that would help")
    orders = [one for one in standing.resting if only in (None, one.symbol) and one.symbol not in busy]
    found = [(one.symbol, asset) for asset in locked for one in orders if _locks(standing, one, asset)]
    if not found:
        names = ", ".join(sorted(locked))
        return Nothing(
            f"which orders lock {names} is not known yet; cancel them by hand",
            blocked=True,
            wants=frozenset({"orders"}),
        )
    symbol, frees = max(found, key=lambda pair: _helps(locked[pair[1]]))
    order = CancelOrders(standing.scope, symbol, frees)
    after = standing.after(order).level
    reason = f"cancel the orders on {symbol}, which lock {frees}"
    return Proposal(spec.name, "cancel_orders", order, ZERO, standing.level, after, reason)


def _is_enough_free(standing: Standing, target: Decimal) -> bool:
    if target <= ONE:
        return True
    needed = repay_to_reach(target, standing.assets, standing.liabilities)
    idle = sum((min(row.balance.free, row.balance.owed) * row.price for row in standing.rows.values()), ZERO)
    return idle >= needed


def _locks(standing: Standing, order: Resting, asset: str) -> bool:
    """Whether the order locks the asset: whoever sells locks the base, whoever buys the quote."""
    market = standing.markets.by_symbol.get(order.symbol)
    if market is not None:
        return asset == (market.base if order.side == "SELL" else market.quote)
    return order.symbol.startswith(asset) if order.side == "SELL" else order.symbol.endswith(asset)


def _helps(row: Row) -> tuple[bool, Decimal]:
    """What is owed itself before anything that would have to be sold; more before less."""
    return row.balance.owed > ZERO, row.balance.locked * row.price
