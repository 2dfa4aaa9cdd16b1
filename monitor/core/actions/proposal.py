"""An action wished for, or why there is none; and what the limits leave of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.position import AssetPosition, ScopePosition
from monitor.core.margin.interest import next_charge
from monitor.core.model.order import ActionKind, Order, TransferPurpose
from monitor.core.numbers.amounts import EIGHT_DECIMALS, INFINITE, ZERO, ceil_to, floor_to

MIN_ORDER_USDT = Decimal("0.1")
"""USDT below which a partial order is not worth a request."""

MIN_REMAINDER_USDT = Decimal(1)
"""USDT of debt below which a rest is repaid with the rest of it: the exchange refuses to leave crumbs."""

NEXT_INTEREST_WITHIN = timedelta(minutes=1)
"""How long before a full hour its interest already counts as owed."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the limits leave: in the asset, and in USDT."""

    amount: Decimal = INFINITE
    usdt: Decimal = INFINITE

    def amount_at(self, price: Decimal) -> Decimal:
        """The amount of an asset of this price, rounded down to 8 decimals."""
        return floor_to(min(self.amount, self.usdt / price), EIGHT_DECIMALS)


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
    purpose: TransferPurpose | None = None


@dataclass(frozen=True, slots=True)
class NoProposal:
    """No order. `blocked`: it is wanted, and something stops it that a person could change.

    `wants` names the reads (`spot`, `funding`) that would help; `lacks` those without which it can't be sized at all.
    `waits`: the exchange is given time for its own part.
    """

    reason: str
    is_blocked: bool = False
    requested_reads: frozenset[str] = frozenset()
    missing_reads: frozenset[str] = frozenset()
    waits_for_exchange: bool = False


def debt_with_next_interest(position: ScopePosition, now: datetime) -> Decimal:
    """What is owed, in USDT, with the interest of the next full hour once that is near."""
    return position.liabilities + sum(
        (_next_interest(row, now) * row.price for row in position.by_asset.values()), ZERO
    )


def owed_with_next_interest(asset_position: AssetPosition, now: datetime) -> Decimal:
    """What is owed of one asset, with the interest of the next full hour once that is near."""
    # Where no charge was seen yet its interest is left to the next order.
    return asset_position.balance.owed + ceil_to(_next_interest(asset_position, now), EIGHT_DECIMALS)


def max_transfer_in(position: ScopePosition, asset: str) -> Decimal:
    """The most of an asset that the exchange lets into the scope, rounded down to 8 decimals.

    Of what is to be delisted that is what is owed beyond what is held, without interest that is still to come.
    """
    if asset not in position.delisting:
        return INFINITE
    row = position.by_asset.get(asset)
    return ZERO if row is None else floor_to(row.shortfall, EIGHT_DECIMALS)


def amount_without_dust(
    amount: Decimal, owed: Decimal, usable: Decimal, min_remainder: Decimal, min_repay: Decimal
) -> Decimal:
    """`amount`, or all of the debt where less than `rest` of it would be left, or so much less that `rest` is left.

    All in the asset; `usable` caps the answer. No less than `least`, and no less is left, but for the whole debt.
    ZERO when none of it can be done.
    """
    wanted, min_remainder = max(amount, min_repay), max(min_remainder, min_repay)
    if owed - wanted >= min_remainder and usable >= wanted:
        return wanted
    if usable >= owed:
        return owed
    part = max(ZERO, floor_to(min(wanted, usable, owed - min_remainder), EIGHT_DECIMALS))
    return part if part >= min_repay else ZERO


def is_below_minimum(owed: Decimal, usable: Decimal, min_remainder: Decimal, min_repay: Decimal) -> bool:
    """Whether nothing can be repaid with `usable` only because the exchange takes no part below `least`."""
    at_all = amount_without_dust(usable, owed, usable, min_remainder, ZERO)
    return at_all > ZERO and not amount_without_dust(usable, owed, usable, min_remainder, min_repay)


def _next_interest(asset_position: AssetPosition, now: datetime) -> Decimal:
    return asset_position.next_interest if next_charge(now) - now <= NEXT_INTEREST_WITHIN else ZERO
