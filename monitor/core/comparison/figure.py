"""One figure as we compute it beside the exchange's own, and whether the two agree."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import ScopeKind
from monitor.core.model.reported_figures import ReadFailure
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO

FigureUnit = Literal["asset", "BTC", "USDT", "level", "price", "rate"]
ComparisonResult = Literal["same", "different", "unavailable", "not_reported"]

AMOUNT_UNITS: frozenset[FigureUnit] = frozenset({"asset", "BTC", "USDT"})
"""Units of figures that grow with the account; the others are ratios, prices and rates."""


@dataclass(frozen=True, slots=True)
class FigureName:
    """The place of a figure: what it is, of which scope, of which asset, in which unit."""

    figure: str
    unit: FigureUnit
    scope: ScopeKind
    symbol: str = ""
    asset: str = ""


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure of ours and the exchange's. INFINITE: nothing is owed; None: not known, and `why` says it.

    `allowed` is the largest difference that counts as none. `is_reported` is False where no answer of the exchange has
    the figure. `failure` is the read without which it can't be compared. `is_partial`: ours lacks a part that `why`
    names, so that a difference proves nothing.
    """

    name: FigureName
    ours: Decimal | None = None
    reported: Decimal | None = None
    allowed: Decimal = ZERO
    why: str = ""
    is_reported: bool = True
    failure: ReadFailure | None = None
    is_partial: bool = False

    @property
    def difference(self) -> Decimal | None:
        """Ours minus the exchange's; None where one of them is infinite or not known."""
        if self.ours is None or self.reported is None or not (self.ours.is_finite() and self.reported.is_finite()):
            return None
        return self.ours - self.reported

    @property
    def relative(self) -> Decimal | None:
        """The difference as a fraction of the exchange's figure; None as above, and where that is zero."""
        difference = self.difference
        if difference is None or not self.reported:
            return None
        return difference / abs(self.reported)

    @property
    def result(self) -> ComparisonResult:
        if not self.is_reported:
            return "not_reported"
        if self.ours is None or self.reported is None:
            return "unavailable"
        difference = self.difference
        if difference is None:
            return "same" if self.ours == self.reported else "different"
        if abs(difference) <= self.allowed:
            return "same"
        return "unavailable" if self.is_partial else "different"


def part_of(reported: Decimal | None, tolerance: Decimal) -> Decimal:
    """Return the largest allowed difference: a part of the figure, and the exchange's own rounding."""
    if reported is None or not reported.is_finite():
        return ZERO
    return abs(reported) * tolerance + EIGHT_DECIMALS


def failed_figure(name: FigureName, failure: ReadFailure) -> ComparedFigure:
    """Return a figure that can't be compared because a read failed."""
    return ComparedFigure(name, why=f"{failure.read} failed: {failure.reason}", failure=failure)


def unreported_figure(name: FigureName, ours: Decimal | None, why: str) -> ComparedFigure:
    """Return a figure of ours that no answer of the exchange has."""
    return ComparedFigure(name, ours, why=why, is_reported=False)


def unread_figure(name: FigureName) -> ComparedFigure:
    """Return a figure whose row in the exchange's answer can't be read."""
    return ComparedFigure(name, why="its row in the exchange's answer can't be read")


def exact_net(name: FigureName, ours: Decimal, reported: Decimal) -> ComparedFigure:
    """Return a net amount beside the stated one: both have eight decimals."""
    return ComparedFigure(name, ours, reported, EIGHT_DECIMALS * max(ONE, abs(reported) * EIGHT_DECIMALS))
