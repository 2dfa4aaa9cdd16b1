"""Exact Decimal arithmetic: the one context, parsing, rounding to a step, formatting.

Importing this module sets the context for this thread and for every thread started later. Fifty digits keep sums and
products of eight-decimal amounts and prices exact; undefined results raise instead of becoming NaN.
"""

import decimal
import re
from decimal import Decimal

INFINITE = Decimal("Infinity")
"""Margin level when nothing is owed, and distance when no move can liquidate. Larger than every number."""
ZERO = Decimal(0)


PRECISION = 50
ONE = Decimal(1)
EIGHT_DECIMALS = Decimal("1E-8")
"""Step of the exchange for amounts of any asset."""

_MAX_AMOUNT = Decimal("1E30")
_MIN_EXPONENT = -40
_AMOUNT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_TRAPS = (decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow)


def parse_amount(text: str) -> Decimal:
    """Return exactly the finite number written in `text`, such as `-0.00012`, `1e-8` or `500`.

    Raises ValueError for anything else: NaN, Infinity, digits of other scripts, separators, and numbers that no amount
    can be (beyond 1e30, more than 40 decimals, or more digits than are kept exactly).
    """
    stripped = text.strip()
    if not _AMOUNT.fullmatch(stripped):
        raise ValueError(f"{quote(text)} is not a number; write it like 1250.5")
    value = Decimal(stripped)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(value) > _MAX_AMOUNT or exponent < _MIN_EXPONENT or exponent > 30:
        raise ValueError(f"{quote(text)} is too large or too fine to be an amount")
    if len(value.as_tuple().digits) > PRECISION:
        raise ValueError(f"{quote(text)} has more than {PRECISION} digits")
    return value


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above `value`; an infinite value stays infinite.

    Raises ValueError unless `step` is positive.
    """
    return _round_to_step(value, step, up=False)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of `step` that is not below `value`; an infinite value stays infinite.

    Raises ValueError unless `step` is positive.
    """
    return _round_to_step(value, step, up=True)


def format_decimal(value: Decimal) -> str:
    """Return the number as text without exponent and without trailing zeros: `1.5`, `100`, `0`.

    Raises ValueError for an infinite value, which has no such text: the caller writes null or "nothing owed".
    """
    if not value.is_finite():
        raise ValueError(f"{value} has no plain text")
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def use_exact_context() -> None:
    """Make Decimal arithmetic of this thread, and of threads started later, exact to `PRECISION` digits."""
    for context in (decimal.DefaultContext, decimal.getcontext()):
        context.prec = PRECISION
        context.rounding = decimal.ROUND_HALF_EVEN
        for trap in _TRAPS:
            context.traps[trap] = True


def _round_to_step(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    if not (step.is_finite() and step > ZERO):
        raise ValueError(f"step must be positive, not {step}")
    if abs(value) == INFINITE:
        return value
    steps, rest = divmod(value, step)
    if up and rest > ZERO:
        steps += 1
    elif not up and rest < ZERO:
        steps -= 1
    return steps * step


def quote(text: str) -> str:
    """Return the text in quotes, shortened."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


use_exact_context()
