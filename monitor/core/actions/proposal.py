"""Proposed orders, the allowance that limits leave, and amounts without dust."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.scope_position import AssetPosition, ScopePosition
from monitor.core.margin.interest import next_charge
from monitor.core.model.order import ActionKind, Order, TransferPurpose
from monitor.core.numbers.amounts import EIGHT_DECIMALS, INFINITE, ZERO, ceil_to, floor_to

MIN_ORDER_USDT = Decimal("0.1")
"""Value in USDT below which a partial order is not worth a request."""

MIN_REMAINDER_USDT = Decimal(1)
"""Value in USDT below which a remaining debt is repaid as well: the exchange refuses to leave a tiny debt."""

NEXT_INTEREST_WITHIN = timedelta(minutes=1)
"""Time before a full hour from which the interest of that hour counts as owed."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Amounts that the limits leave: in the asset, and in USDT."""

    amount: Decimal = INFINITE
    usdt: Decimal = INFINITE

    def amount_at(self, price: Decimal) -> Decimal:
        """Allowed amount of an asset of this price in USDT, rounded down to 8 decimals."""
        return floor_to(min(self.amount, self.usdt / price), EIGHT_DECIMALS)


UNLIMITED = Allowance()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One order that would help. `level_after` is the level once its purpose is fulfilled, at unchanged prices.

    `purpose` is the purpose of a transfer.
    """

    action: str
    kind: ActionKind
    order: Order
    amount_usdt: Decimal
    level_before: Decimal
    level_after: Decimal
    reason: str
    purpose: TransferPurpose | None = None


@dataclass(frozen=True, slots=True)
class NoProposal:
    """No order, and the reason. `is_blocked`: an order is wanted, and a person could change what stops it.

    `requested_reads` are the reads (`spot`, `funding`) that would help; `missing_reads` those without which the order
    can't be sized at all. `waits_for_exchange`: the exchange is given time to repay by itself.
    """

    reason: str
    is_blocked: bool = False
    requested_reads: frozenset[str] = frozenset()
    missing_reads: frozenset[str] = frozenset()
    waits_for_exchange: bool = False


def debt_with_next_interest(position: ScopePosition, now: datetime) -> Decimal:
    """Debt of the scope in USDT, with the interest of the next full hour once that hour is near."""
    return position.liabilities + sum(
        (_next_interest(row, now) * row.price for row in position.by_asset.values()), ZERO
    )


def owed_with_next_interest(asset_position: AssetPosition, now: datetime) -> Decimal:
    """Debt of one asset, with the interest of the next full hour once that hour is near."""
    # Without a charge so far the rate is unknown, and the interest is left to the next order.
    return asset_position.balance.owed + ceil_to(_next_interest(asset_position, now), EIGHT_DECIMALS)


def max_transfer_in(position: ScopePosition, asset: str) -> Decimal:
    """Largest amount of an asset that the exchange accepts into the scope, rounded down to 8 decimals.

    For an asset to be delisted it is the debt beyond the amount held, without interest that is still to come. So it is
    for any but USDT while the schedule of delistings was never read.
    """
    if asset not in position.delisting and not (position.terms_unknown and asset != "USDT"):
        return INFINITE
    row = position.by_asset.get(asset)
    return ZERO if row is None else floor_to(row.shortfall, EIGHT_DECIMALS)


def amount_without_dust(
    amount: Decimal, owed: Decimal, usable: Decimal, min_remainder: Decimal, min_repay: Decimal
) -> Decimal:
    """Amount to repay without leaving dust: `amount`, the whole debt, or less so that `min_remainder` is left.

    All amounts are in the asset. The result is at most `usable` and at least `min_repay`. It leaves at least
    `min_remainder` and `min_repay`, or repays the whole debt. ZERO if none of this is possible.
    """
    wanted, min_remainder = max(amount, min_repay), max(min_remainder, min_repay)
    if owed - wanted >= min_remainder and usable >= wanted:
        return wanted
    if usable >= owed:
        return owed
    part = max(ZERO, floor_to(min(wanted, usable, owed - min_remainder), EIGHT_DECIMALS))
    return part if part >= min_repay else ZERO


def is_below_minimum(owed: Decimal, usable: Decimal, min_remainder: Decimal, min_repay: Decimal) -> bool:
    """Return whether `usable` is too small to repay only because the exchange takes no part below `min_repay`."""
    at_all = amount_without_dust(usable, owed, usable, min_remainder, ZERO)
    return at_all > ZERO and not amount_without_dust(usable, owed, usable, min_remainder, min_repay)


def _next_interest(asset_position: AssetPosition, now: datetime) -> Decimal:
    return asset_position.next_interest if next_charge(now) - now <= NEXT_INTEREST_WITHIN else ZERO
