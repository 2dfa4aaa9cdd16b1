"""Repay from the idle free balance of the scope itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.actions.position import Row, Standing
from monitor.core.actions.proposal import (
    LEAST_WORTH,
    SMALLEST_REST,
    UNLIMITED,
    Allowance,
    Nothing,
    Proposal,
    debt_soon,
    falls_short,
    without_crumbs,
)
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.interest import next_charge
from monitor.core.margin.sizing import repay_to_reach
from monitor.core.model.order import Repay
from monitor.core.numbers.amounts import EIGHT, ONE, ZERO, ceil_to, plain

HOUR_TURNS = timedelta(seconds=2)
"""So close to a full hour a full repayment waits: it would leave the hour's interest behind, or be refused for it."""

_FOREVER = Decimal("1E30")


@dataclass(frozen=True, slots=True)
class _Choice:
    """One debt that could be repaid: so much is needed, so much may and can be."""

    asset: str
    row: Row
    needed: Decimal
    usable: Decimal

    @property
    def covers(self) -> bool:
        return self.usable >= min(self.needed, self.row.balance.owed)

    @property
    def worth(self) -> Decimal:
        return min(self.needed, self.usable) * self.row.price

    def falls_short(self, rest: Decimal) -> bool:
        return falls_short(self.row.balance.owed, self.usable, rest / self.row.price, self.row.min_repay)


def propose(
    standing: Standing,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance = UNLIMITED,
    *,
    busy: frozenset[str] = frozenset(),
    rest: Decimal = SMALLEST_REST,
    only: str | None = None,
) -> Proposal | Nothing:
    """The repayment that brings the level to `target`, as far as free balance and allowance go.

    `target` None: `spec.amount`, or all of the allowance. One asset: `only`, that of the spec, or the costliest debt
    that does it alone, else the one with most to repay with. A part is no less than the exchange takes as a repayment.
    Assets in `busy` have a repayment of unknown outcome.
    """
    asset = only if only is not None else spec.asset
    owed = {a: row for a, row in standing.rows.items() if row.balance.owed > ZERO and asset in (None, a)}
    if not owed:
        return Nothing(f"{asset or 'nothing'} is not owed" if asset else "nothing is owed")
    value = _value_needed(standing, target, now)
    if isinstance(value, Nothing):
        return value
    if not set(owed) - busy:
        return Nothing(
            f"the outcome of a repayment of {', '.join(sorted(owed))} is not known; `actions resolve` settles it",
            blocked=True,
        )
    choices = [
        _Choice(
            a,
            row,
            (spec.amount or _FOREVER) if value is None else ceil_to(value / row.price, EIGHT),
            min(row.balance.free, row.balance.owed, allowance.of(row.price)),
        )
        for a, row in sorted(owed.items())
        if a not in busy
    ]
    usable = [choice for choice in choices if choice.usable > ZERO]
    if not usable:
        return _empty(standing, choices)
    possible = [choice for choice in usable if not choice.falls_short(rest)]
    if not possible:
        return _short(standing, max(usable, key=lambda c: c.worth))
    covering = [choice for choice in possible if choice.covers]
    best = max(covering, key=lambda c: c.row.hourly_rate) if covering else max(possible, key=lambda c: c.worth)
    return _order(standing, spec, best, now, rest)


def _value_needed(standing: Standing, target: Decimal | None, now: datetime) -> Decimal | Nothing | None:
    """USDT to repay; None when no target sizes it."""
    if target is None:
        return None
    if target <= ONE:
        return Nothing(f"repaying can't lead to a level of {plain(target)}")
    value = repay_to_reach(target, standing.assets, debt_soon(standing, now))
    if not value.is_finite():
        return Nothing("less is held than owed: repaying would lower the level; bring money in", blocked=True)
    return value if value > ZERO else Nothing("the target is reached")


def _empty(standing: Standing, choices: list[_Choice]) -> Nothing:
    names = ", ".join(choice.asset for choice in choices)
    if any(choice.row.balance.free > ZERO for choice in choices):
        return Nothing(f"the limits leave nothing to repay {names} with; raise them, or repay by hand", blocked=True)
    are_locked = any(choice.row.balance.locked > ZERO for choice in choices)
    hand = " (some is locked in orders); cancel them" if are_locked else "; bring some in"
    return Nothing(f"no free {names} in {standing.scope}{hand}", blocked=True)


def _short(standing: Standing, choice: _Choice) -> Nothing:
    free, owed = choice.row.balance.free, choice.row.balance.owed
    least = f"the exchange takes no repayment of a part below {plain(choice.row.min_repay)} {choice.asset}"
    if choice.usable < free:
        return Nothing(f"{least}; the limits leave {plain(choice.usable)}; raise them, or repay by hand", blocked=True)
    there = f"{plain(free)} of the {plain(owed)} owed are free in {standing.scope}"
    return Nothing(f"{least}, nor one that leaves less; {there}; bring more in", blocked=True)


def _order(standing: Standing, spec: ActionSpec, choice: _Choice, now: datetime, rest: Decimal) -> Proposal | Nothing:
    row, owed = choice.row, choice.row.balance.owed
    amount = without_crumbs(min(choice.needed, choice.usable), owed, choice.usable, rest / row.price, row.min_repay)
    if amount < owed and amount * row.price < LEAST_WORTH:
        return Nothing(f"repaying {choice.asset} would be worth less than {LEAST_WORTH} USDT")
    if amount == owed and next_charge(now) - now <= HOUR_TURNS:
        return Nothing("a full repayment waits for the interest of the full hour")
    order = Repay(standing.scope, choice.asset, amount)
    after = standing.after(order).level
    reason = f"repay {'all' if amount == owed else 'part'} of the {choice.asset} owed"
    return Proposal(spec.name, "repay", order, amount * row.price, standing.level, after, reason)
