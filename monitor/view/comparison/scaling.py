"""Hidden factors that make amounts useless for everything but their ratios."""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal

from monitor.core.numbers.amounts import format_decimal

SIGNIFICANT_DIGITS = 6
"""Digits of a scaled amount: with all of them the common divisor of several amounts would be the factor."""

ALL_PAIRS = "all isolated pairs"
"""Scope of the totals over all pairs, which have a factor of their own."""

_CONTEXT = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_EVEN)


class AmountScaler:
    """Scales all amounts of one scope by one factor, which `choose` gives and which is kept in memory alone."""

    def __init__(self, choose: Callable[[], Decimal]) -> None:
        self._choose = choose
        self._factors: dict[tuple[str, str], Decimal] = {}

    def scale(self, amount: Decimal, account: str, scope: str) -> Decimal:
        """Return the amount times the factor of its scope, to six significant digits; infinite stays infinite.

        `scope` is "cross", a pair, or ALL_PAIRS.
        """
        if not amount.is_finite():
            return amount
        key = (account, scope)
        if key not in self._factors:
            self._factors[key] = self._choose()
        return _CONTEXT.multiply(amount, self._factors[key])

    def scale_text(self, text: str, account: str, scope: str) -> str:
        """Return the scaled amount as text without exponent."""
        return format_decimal(self.scale(Decimal(text), account, scope))
