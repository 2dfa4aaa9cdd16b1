"""What needs no asking: orders that the venue would refuse for their amount."""

from decimal import Decimal

from monitor.core.model.order import CancelOrders, Order, Reduce, Refused

DECIMALS = 8
"""More decimals than these in an amount are refused with -1111."""


def unsendable(order: Order) -> Refused | None:
    """The refusal of an order that the venue can only refuse; None where it may be sent."""
    match order:
        case CancelOrders():
            return None
        case Reduce(quantity=quantity, price=price):
            return _refused(quantity, "quantity") or _refused(price, "price")
        case _:
            return _refused(order.amount, "amount")


def _refused(number: Decimal, what: str) -> Refused | None:
    exponent = number.normalize().as_tuple().exponent
    if not number.is_finite() or number <= 0:
        return Refused(-1130, f"not sent: the {what} is not a positive number")
    if isinstance(exponent, int) and exponent < -DECIMALS:
        return Refused(-1111, f"not sent: the {what} has more than {DECIMALS} decimals")
    return None
