"""When stops go off: at a price, or after a fall or rise from the best price seen."""

from decimal import Decimal

from monitor.sandbox.amounts import ONE
from monitor.sandbox.ledger.accounts import Order

STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")

_BIPS = Decimal(10_000)


def goes_off(kind: str, side: str, stop_price: Decimal, spot: Decimal) -> bool:
    """Whether a stop goes off at `spot`."""
    return spot <= stop_price if _falls(kind, side) else spot >= stop_price


def has_gone_off(order: Order, spot: Decimal) -> bool:
    """Whether a waiting stop goes off now. Remembers the best price while it trails.

    A trailing stop with a stop price follows from the moment that the price was beyond it.
    """
    if not order.trailing_bips:
        return goes_off(order.kind, order.side, order.stop_price, spot)
    falls = _falls(order.kind, order.side)
    if order.extreme is None:
        if order.stop_price and (spot < order.stop_price if falls else spot > order.stop_price):
            return False
        order.extreme = spot
    order.extreme = max(order.extreme, spot) if falls else min(order.extreme, spot)
    share = Decimal(order.trailing_bips) / _BIPS
    return spot <= order.extreme * (ONE - share) if falls else spot >= order.extreme * (ONE + share)


def _falls(kind: str, side: str) -> bool:
    return kind.startswith("STOP_LOSS") == (side == "SELL")
