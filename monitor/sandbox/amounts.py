"""Decimal amounts as the exchange writes and rounds them: eight places, as text."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)
EIGHT_PLACES = Decimal("0.00000001")


def format_decimal(amount: Decimal, places: int = 8) -> str:
    """`amount` with exactly `places` decimals, never in exponent form, cut rather than rounded up."""
    return format(amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN), "f")


def format_plain(amount: Decimal) -> str:
    """`amount` without trailing zeros and never in exponent form ("0", "999", "0.5")."""
    return format(amount.normalize(), "f") if amount else "0"


def round_down(amount: Decimal) -> Decimal:
    """`amount` cut to eight places towards zero."""
    return amount.quantize(EIGHT_PLACES, rounding=ROUND_DOWN)


def round_up(amount: Decimal) -> Decimal:
    """`amount` raised to eight places away from zero."""
    return amount.quantize(EIGHT_PLACES, rounding=ROUND_UP)


def round_half_up(amount: Decimal) -> Decimal:
    """`amount` rounded to eight places, halves away from zero."""
    return amount.quantize(EIGHT_PLACES, rounding=ROUND_HALF_UP)


def step_down(amount: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `amount`; `amount` itself when the step is 0."""
    return amount if not step else (amount / step).to_integral_value(ROUND_DOWN) * step


def step_up(amount: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `amount`; `amount` itself when the step is 0."""
    return amount if not step else (amount / step).to_integral_value(ROUND_UP) * step


def parse_decimal(amount_text: str) -> Decimal | None:
    """The finite decimal in `amount_text`, or None."""
    try:
        amount = Decimal(amount_text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def decimal_places(amount: Decimal) -> int:
    """The number of decimals that `amount` needs: 0 for whole numbers, trailing zeros not counted."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
