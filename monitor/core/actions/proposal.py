"""An action wished for, or why there is none; and what the limits leave of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.position import Row, Standing
from monitor.core.margin.interest import next_charge
from monitor.core.model.order import ActionKind, Order, Purpose
from monitor.core.numbers.amounts import EIGHT, INFINITE, ZERO, ceil_to, floor_to

LEAST_WORTH = Decimal("0.1")
"""USDT below which a partial order is not worth a request."""

SMALLEST_REST = Decimal(1)
"""USDT of debt below which a rest is repaid with the rest of it: the exchange refuses to leave crumbs."""

HOUR_NEAR = timedelta(minutes=1)
"""How long before a full hour its interest already counts as owed."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the limits leave: in the asset, and in USDT."""

    amount: Decimal = INFINITE
    usdt: Decimal = INFINITE

    def of(self, price: Decimal) -> Decimal:
        """The amount of an asset of this price, rounded down to 8 decimals."""
        return floor_to(min(self.amount, self.usdt / price), EIGHT)


UNLIMITED = Allowance()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One order that would help. `level_after` is the level once its purpose is fulfilled, prices unchanged.

    `purpose` is what a transfer is made for.
    """

    action: str
    kind: ActionKind
    order: Order
    amount_usdt: Decimal
    level_before: Decimal
    level_after: Decimal
    reason: str
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """No order. `blocked`: it is wanted, and something stops it that a person could change.

    `wants` names the reads (`spot`, `funding`) that would help; `lacks` those without which it can't be sized at all.
    `waits`: the exchange is given time for its own part.
    """

    reason: str
    blocked: bool = False
    wants: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    waits: bool = False


def debt_soon(standing: Standing, now: datetime) -> Decimal:
    """What is owed, in USDT, with the interest of the next full hour once that is near."""
    return standing.liabilities + sum((_interest_soon(row, now) * row.price for row in standing.rows.values()), ZERO)


def owed_soon(row: Row, now: datetime) -> Decimal:
    """What is owed of one asset, with the interest of the next full hour once that is near."""
    # Where no charge was seen yet its interest is left to the next order.
    return row.balance.owed + ceil_to(_interest_soon(row, now), EIGHT)


def may_enter(standing: Standing, asset: str) -> Decimal:
    """The most of an asset that the exchange lets into the scope, rounded down to 8 decimals.

    Of what is to be delisted that is what is owed beyond what is held, without interest that is still to come.
    """
    if asset not in standing.leaving:
        return INFINITE
    row = standing.rows.get(asset)
    return ZERO if row is None else floor_to(row.lacking, EIGHT)


def without_crumbs(amount: Decimal, owed: Decimal, usable: Decimal, rest: Decimal, least: Decimal) -> Decimal:
    """`amount`, or all of the debt where less than `rest` of it would be left, or so much less that `rest` is left.

    All in the asset; `usable` caps the answer. No less than `least`, and no less is left, but for the whole debt.
    ZERO when none of it can be done.
    """
    wanted, rest = max(amount, least), max(rest, least)
    if owed - wanted >= rest and usable >= wanted:
        return wanted
    if usable >= owed:
        return owed
    part = max(ZERO, floor_to(min(wanted, usable, owed - rest), EIGHT))
    return part if part >= least else ZERO


def falls_short(owed: Decimal, usable: Decimal, rest: Decimal, least: Decimal) -> bool:
    """Whether nothing can be repaid with `usable` only because the exchange takes no part below `least`."""
    at_all = without_crumbs(usable, owed, usable, rest, ZERO)
    return at_all > ZERO and not without_crumbs(usable, owed, usable, rest, least)


def _interest_soon(row: Row, now: datetime) -> Decimal:
    return row.next_interest if next_charge(now) - now <= HOUR_NEAR else ZERO
