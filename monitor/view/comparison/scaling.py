"""Hidden factors and random errors that make amounts useless for everything but their rough ratios."""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal

from monitor.core.numbers.amounts import ONE, ZERO, format_decimal

SMALL = "small"
"""The mark in the place of an amount that is not shown."""

SIGNIFICANT_DIGITS = 4
"""Digits of a scaled amount: its random error leaves no meaning to more."""

ERROR = Decimal("0.001")
"""The largest relative error of an amount."""

ROUND_ERROR = Decimal("0.03")
"""The same of a round amount, of two digits at most: by exact ratios, 12 : 34 : 7 would be found as 12, 34 and 7."""

LEAST_SHOWN = Decimal("0.01")
"""The lowest amount that may be shown: a million steps of the exchange's eight decimals, which no error can reach."""

ALL_PAIRS = "all isolated pairs"
"""Scope of the totals over all pairs, which have a factor of their own."""

_CONTEXT = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_EVEN)
_ROUND_DIGITS = 2


class AmountScaler:
    """Scales all amounts of one scope by one factor, each with a random error of its own; all is in memory alone.

    `choose_factor` gives a factor, `choose_part` a random number from 0 to 1. An amount has the same error each time:
    errors of equal amounts have no mean that would take them away.
    """

    def __init__(self, choose_factor: Callable[[], Decimal], choose_part: Callable[[], Decimal]) -> None:
        self._choose_factor = choose_factor
        self._choose_part = choose_part
        self._factors: dict[tuple[str, str], Decimal] = {}
        self._limits: dict[tuple[str, str], Decimal] = {}
        self._errors: dict[tuple[str, str, Decimal], Decimal] = {}

    def scale(self, amount: Decimal, account: str, scope: str, *, like: Decimal | None = None) -> Decimal | None:
        """Return the amount times the factor of its scope and its error, or None for a small one.

        `scope` is "cross", a pair, or ALL_PAIRS. `like` is an amount whose error it shares. Zero stays zero, and
        infinite infinite.
        """
        if not amount.is_finite() or not amount:
            return amount
        key = (account, scope)
        if key not in self._factors:
            self._factors[key] = self._choose_factor()
            # Drawn as well: of two charges whose ratio is known, one just below a known limit would tell the other.
            self._limits[key] = LEAST_SHOWN * Decimal(10) ** self._choose_part()
        if abs(amount) < self._limits[key]:
            return None
        error = self._error(key, abs(like) if like and like.is_finite() else abs(amount))
        return _CONTEXT.multiply(amount, self._factors[key] * (ONE + error))

    def scale_text(self, text: str, account: str, scope: str) -> str:
        """Return the scaled amount as text without exponent, or the mark of a small one."""
        scaled = self.scale(Decimal(text), account, scope)
        return SMALL if scaled is None else format_decimal(scaled)

    def _error(self, key: tuple[str, str], amount: Decimal) -> Decimal:
        place = (*key, amount)
        if place not in self._errors:
            is_round = len(amount.normalize().as_tuple().digits) <= _ROUND_DIGITS
            largest = ROUND_ERROR if is_round else ERROR
            self._errors[place] = largest * (2 * self._choose_part() - ONE)
        return self._errors[place]


def round_ratio(value: Decimal | None) -> Decimal | None:
    """Return a ratio of amounts to the digits that amounts have, zero where it is less than a millionth."""
    if value is None or not value.is_finite():
        return value
    return ZERO if abs(value) < Decimal("1E-6") else _CONTEXT.plus(value)
