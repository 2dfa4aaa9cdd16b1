"""Orders that the exchange can only refuse for their amount, refused before they are sent."""

from decimal import Decimal

from monitor.core.model.order import CancelOrders, Order, Reduce, Refused

MAX_DECIMALS = 8
"""Maximum decimals of an amount; more are refused with -1111."""


def precheck_order(order: Order) -> Refused | None:
    """Return the refusal of an order that the exchange can only refuse; None where it may be sent."""
    match order:
        case CancelOrders():
            return None
        case Reduce(quantity=quantity, price=price):
            return _check_number(quantity, "quantity") or _check_number(price, "price")
        case _:
            return _check_number(order.amount, "amount")


def _check_number(number: Decimal, what: str) -> Refused | None:
    exponent = number.normalize().as_tuple().exponent
    if not number.is_finite() or number <= 0:
        return Refused(-1130, f"not sent: the {what} is not a positive number")
    if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
        return Refused(-1111, f"not sent: the {what} has more than {MAX_DECIMALS} decimals")
    return None
