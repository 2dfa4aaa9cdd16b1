"""Triggers of stop orders: at a price, or after a move from the best price."""

from decimal import Decimal

from monitor.sandbox.amounts import ONE
from monitor.sandbox.ledger.accounts import SimOrder

STOP_KINDS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")

_BIPS = Decimal(10_000)


def is_triggered(kind: str, side: str, stop_price: Decimal, spot: Decimal) -> bool:
    """Return whether a stop triggers at `spot`."""
    return spot <= stop_price if _triggers_on_fall(kind, side) else spot >= stop_price


def check_trigger(order: SimOrder, spot: Decimal) -> bool:
    """Return whether a waiting stop triggers now. Records the best price of a trailing stop.

    A trailing stop with a stop price starts to follow once the price was beyond it.
    """
    if not order.trailing_bips:
        return is_triggered(order.kind, order.side, order.stop_price, spot)
    falls = _triggers_on_fall(order.kind, order.side)
    if order.best_price is None:
        if order.stop_price and (spot < order.stop_price if falls else spot > order.stop_price):
            return False
        order.best_price = spot
    order.best_price = max(order.best_price, spot) if falls else min(order.best_price, spot)
    share = Decimal(order.trailing_bips) / _BIPS
    return spot <= order.best_price * (ONE - share) if falls else spot >= order.best_price * (ONE + share)


def _triggers_on_fall(kind: str, side: str) -> bool:
    return kind.startswith("STOP_LOSS") == (side == "SELL")
