"""What needs no asking: orders that the venue would refuse for their amount."""

from monitor.core.intents import Order, Refused

DECIMALS = 8
"""More decimals than these in an amount are refused with -1111."""


def unsendable(order: Order) -> Refused | None:
    """The refusal of an order that the venue can only refuse; None where it may be sent."""
    exponent = order.amount.normalize().as_tuple().exponent
    if not order.amount.is_finite() or order.amount <= 0:
        return Refused(-1130, "not sent: the amount is not a positive number")
    if isinstance(exponent, int) and exponent < -DECIMALS:
        return Refused(-1111, f"not sent: the amount has more than {DECIMALS} decimals")
    return None
