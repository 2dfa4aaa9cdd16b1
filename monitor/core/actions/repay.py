"""Action kind `repay`: repayment from the scope's own free balance."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.proposal import (
    MIN_ORDER_USDT,
    MIN_REMAINDER_USDT,
    UNLIMITED,
    Allowance,
    NoProposal,
    Proposal,
    amount_without_dust,
    debt_with_next_interest,
    is_below_minimum,
)
from monitor.core.actions.scope_position import AssetPosition, ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.interest import next_charge
from monitor.core.margin.sizing import repay_to_reach
from monitor.core.model.order import Repay
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO, ceil_to, format_decimal

FULL_HOUR_WITHIN = timedelta(seconds=2)
"""Time before a full hour in which a full repayment waits: the hour's interest would remain, or cause a refusal."""

_NO_LIMIT = Decimal("1E30")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One debt that could be repaid, with the amount needed and the amount that can and may be used."""

    asset: str
    position: AssetPosition
    needed: Decimal
    usable: Decimal

    @property
    def covers_need(self) -> bool:
        return self.usable >= min(self.needed, self.position.balance.owed)

    @property
    def value_usdt(self) -> Decimal:
        return min(self.needed, self.usable) * self.position.price

    def is_below_minimum(self, min_remainder: Decimal) -> bool:
        return is_below_minimum(
            self.position.balance.owed, self.usable, min_remainder / self.position.price, self.position.min_repay
        )


def propose_repayment(
    position: ScopePosition,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance = UNLIMITED,
    *,
    unsettled: frozenset[str] = frozenset(),
    min_remainder: Decimal = MIN_REMAINDER_USDT,
    only_asset: str | None = None,
) -> Proposal | NoProposal:
    """Propose the repayment that brings the level to `target`, within free balance and allowance.

    `target` None: the amount is `spec.amount`, or all of the allowance. The asset is `only_asset`, that of the spec,
    the debt of the highest rate that is enough alone, or else the debt with most to repay with. A partial repayment is
    no smaller than the exchange's minimum. Assets in `unsettled` have a repayment of unknown outcome.
    """
    asset = only_asset if only_asset is not None else spec.asset
    owed = {a: row for a, row in position.by_asset.items() if row.balance.owed > ZERO and asset in (None, a)}
    if not owed:
        return NoProposal(f"{asset or 'nothing'} is not owed" if asset else "nothing is owed")
    value = _value_needed(position, target, now)
    if isinstance(value, NoProposal):
        return value
    if not set(owed) - unsettled:
        return NoProposal(
            f"the outcome of a repayment of {', '.join(sorted(owed))} is not known; `actions resolve` settles it",
            is_blocked=True,
        )
    candidates = [
        _Candidate(
            a,
            row,
            (spec.amount or _NO_LIMIT) if value is None else ceil_to(value / row.price, EIGHT_DECIMALS),
            min(row.balance.free, row.balance.owed, allowance.amount_at(row.price)),
        )
        for a, row in sorted(owed.items())
        if a not in unsettled
    ]
    usable = [choice for choice in candidates if choice.usable > ZERO]
    if not usable:
        return _nothing_usable(position, candidates)
    possible = [choice for choice in usable if not choice.is_below_minimum(min_remainder)]
    if not possible:
        return _below_minimum(position, max(usable, key=lambda c: c.value_usdt))
    covering = [choice for choice in possible if choice.covers_need]
    best = (
        max(covering, key=lambda c: c.position.hourly_rate) if covering else max(possible, key=lambda c: c.value_usdt)
    )
    return _proposal(position, spec, best, now, min_remainder)


def _value_needed(position: ScopePosition, target: Decimal | None, now: datetime) -> Decimal | NoProposal | None:
    """Value to repay in USDT; None if no target sizes it."""
    if target is None:
        return None
    if target <= ONE:
        return NoProposal(f"repaying can't lead to a level of {format_decimal(target)}")
    value = repay_to_reach(target, position.assets, debt_with_next_interest(position, now))
    if not value.is_finite():
        return NoProposal("less is held than owed: repaying would lower the level; bring money in", is_blocked=True)
    return value if value > ZERO else NoProposal("the target is reached")


def _nothing_usable(position: ScopePosition, candidates: list[_Candidate]) -> NoProposal:
    names = ", ".join(choice.asset for choice in candidates)
    if any(choice.position.balance.free > ZERO for choice in candidates):
        return NoProposal(
            f"the limits leave nothing to repay {names} with; raise them, or repay by hand", is_blocked=True
        )
    are_locked = any(choice.position.balance.locked > ZERO for choice in candidates)
    hand = " (some is locked in orders); cancel them" if are_locked else "; bring some in"
    return NoProposal(f"no free {names} in {position.scope}{hand}", is_blocked=True)


def _below_minimum(position: ScopePosition, candidate: _Candidate) -> NoProposal:
    free, owed = candidate.position.balance.free, candidate.position.balance.owed
    min_repay = f"{format_decimal(candidate.position.min_repay)} {candidate.asset}"
    least = f"the exchange takes no repayment of a part below {min_repay}"
    if candidate.usable < free:
        return NoProposal(
            f"{least}; the limits leave {format_decimal(candidate.usable)}; raise them, or repay by hand",
            is_blocked=True,
        )
    there = f"{format_decimal(free)} of the {format_decimal(owed)} owed are free in {position.scope}"
    return NoProposal(f"{least}, nor one that leaves less; {there}; bring more in", is_blocked=True)


def _proposal(
    position: ScopePosition, spec: ActionSpec, candidate: _Candidate, now: datetime, min_remainder: Decimal
) -> Proposal | NoProposal:
    row, owed = candidate.position, candidate.position.balance.owed
    amount = amount_without_dust(
        min(candidate.needed, candidate.usable), owed, candidate.usable, min_remainder / row.price, row.min_repay
    )
    if amount < owed and amount * row.price < MIN_ORDER_USDT:
        return NoProposal(f"repaying {candidate.asset} would be worth less than {MIN_ORDER_USDT} USDT")
    if amount == owed and next_charge(now) - now <= FULL_HOUR_WITHIN:
        return NoProposal("a full repayment waits for the interest of the full hour")
    order = Repay(position.scope, candidate.asset, amount)
    after = position.after(order).level
    reason = f"repay {'all' if amount == owed else 'part'} of the {candidate.asset} owed"
    return Proposal(spec.name, "repay", order, amount * row.price, position.level, after, reason)
