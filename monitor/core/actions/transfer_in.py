"""Bring money in from spot or funding: to repay with it at once where it is owed, else as collateral."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.actions.position import Standing
from monitor.core.actions.proposal import (
    LEAST_WORTH,
    SMALLEST_REST,
    UNLIMITED,
    Allowance,
    Nothing,
    Proposal,
    debt_soon,
    falls_short,
    may_enter,
    owed_soon,
    without_crumbs,
)
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.sizing import transfer_and_repay_to_reach, transfer_in_to_reach
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent
from monitor.core.model.order import Purpose, Repay, Transfer, Wallet
from monitor.core.numbers.amounts import EIGHT, ONE, ZERO, ceil_to, floor_to, plain

DIRECT_REFUSALS = frozenset({-1102, -1130})
"""Codes by which the exchange says that it has no direct way from spot into an isolated pair."""

_FOREVER = Decimal("1E30")
_TERMS = frozenset({"reference_data"})
_MORE = "put more there, or raise the limits"


@dataclass(frozen=True, slots=True)
class _Choice:
    """One asset from one place, for one use."""

    use: Purpose
    place: Wallet
    asset: str
    price: Decimal
    needed: Decimal
    usable: Decimal
    share: Decimal = ONE
    """How much of its value counts as collateral."""

    @property
    def rank(self) -> tuple[bool, bool, Decimal, Decimal]:
        """Repaying before collateral, enough before too little, what counts more before what counts less."""
        worth = min(self.needed, self.usable) * self.price
        return self.use == "repay", self.usable >= self.needed, self.share, worth


def propose(
    standing: Standing,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance = UNLIMITED,
    *,
    busy: frozenset[str] = frozenset(),
    rest: Decimal = SMALLEST_REST,
    direct: bool = True,
) -> Proposal | Nothing:
    """The transfer that brings the level to `target`, as far as the sources and the allowance go.

    With `use` auto, what is owed is brought in and sized for repaying at once, no less than the exchange takes as a
    repayment; collateral only where nothing owed is at hand for that. Assets in `busy` can't be repaid now. `direct`
    False: an isolated pair is reached over cross, and this order is the first hop.
    """
    if not any(row.balance.owed for row in standing.rows.values()):
        return Nothing("nothing is owed")
    if target is not None and standing.level >= target:
        return Nothing("the target is reached")
    unread = frozenset(place for place in spec.source if place not in standing.outside)
    old = unread | {p for p in spec.source if now - standing.outside_as_of.get(p, now) > spec.max_data_age}
    choices = [
        choice for choice in _choices(standing, spec, target, now, allowance, busy, rest) if choice.usable > ZERO
    ]
    if not choices and standing.terms_unread and _waits_for_terms(standing, spec):
        return Nothing("what the exchange counts as collateral is not known yet", True, _TERMS, lacks=_TERMS)
    if not choices:
        if unread:
            return Nothing(
                f"the balance of {' and '.join(sorted(unread))} is not known yet", wants=unread, lacks=unread
            )
        return Nothing(_why_empty(standing, spec, busy), blocked=True, wants=old)
    best = max(choices, key=lambda choice: choice.rank)
    amount = min(best.needed, best.usable)
    if best.use == "repay":
        row = standing.rows[best.asset]
        amount = without_crumbs(amount, owed_soon(row, now), best.usable, rest / best.price, row.min_repay)
    if amount * best.price < LEAST_WORTH:
        return Nothing(f"bringing in {best.asset} would be worth less than {LEAST_WORTH} USDT", wants=old)
    return _order(standing, spec, best, amount, direct)


def second_hop(standing: Standing, first: Intent) -> Proposal | Nothing:
    """From cross into the isolated pair, what the first hop brought to cross and is still free there."""
    free = standing.outside.get("cross", {}).get(first.asset, ZERO)
    amount = floor_to(min(first.amount, free), EIGHT)
    price = standing.price(first.asset)
    if amount <= ZERO or price is None:
        return Nothing(f"the {first.asset} brought to cross is not free there; move it by hand", blocked=True)
    order = Transfer("cross", standing.scope, first.asset, amount)
    after = standing.after(order).level
    reason = f"second hop of {first.asset} into {standing.scope}"
    worth = amount * price
    return Proposal(first.action, "transfer_in", order, worth, standing.level, after, reason, first.purpose)


def _choices(
    standing: Standing,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance,
    busy: frozenset[str],
    rest: Decimal,
) -> Iterator[_Choice]:
    debt = debt_soon(standing, now)
    for place in spec.source:
        for asset, free in sorted(standing.outside.get(place, {}).items(), key=_dollars_first):
            price = standing.price(asset)
            if price is None or spec.asset not in (None, asset):
                continue
            usable = floor_to(min(max(ZERO, free - spec.keep_in_source), allowance.of(price)), EIGHT)
            usable = min(usable, may_enter(standing, asset))
            row = standing.rows.get(asset)
            owed = owed_soon(row, now) if row is not None else ZERO
            is_short = row is not None and falls_short(owed, min(usable, owed), rest / price, row.min_repay)
            if spec.use != "collateral" and owed > ZERO and asset not in busy and not is_short:
                value = None if target is None else transfer_and_repay_to_reach(target, standing.assets, debt)
                needed = _amount(value, spec, price)
                yield _Choice("repay", place, asset, price, min(needed, owed), min(usable, owed))
            elif asset in standing.uncounted or (standing.terms_unread and _needs_terms(standing, asset)):
                continue
            elif spec.use != "repay" and (spec.asset is not None or row is not None or asset == "USDT"):
                value = None if target is None else transfer_in_to_reach(target, standing.assets, debt)
                share = standing.counted.get(asset, ONE)
                yield _Choice("collateral", place, asset, price, _amount(value, spec, price), usable, share)


def _needs_terms(standing: Standing, asset: str) -> bool:
    """Whether it must be known that the exchange counts the asset, before it is brought in as collateral."""
    row = standing.rows.get(asset)
    return asset != "USDT" and (row is None or row.balance.owed <= ZERO)


def _waits_for_terms(standing: Standing, spec: ActionSpec) -> bool:
    there = {a for place in spec.source for a, free in standing.outside.get(place, {}).items() if free > ZERO}
    wanted = there if spec.asset is None else there & {spec.asset}
    known = standing.rows.keys() | ({spec.asset} if spec.asset is not None else set())
    return spec.use != "repay" and any(asset in known and _needs_terms(standing, asset) for asset in wanted)


def _amount(value: Decimal | None, spec: ActionSpec, price: Decimal) -> Decimal:
    if value is None:
        return spec.amount if spec.amount is not None else _FOREVER
    return ceil_to(value / price, EIGHT)


def _order(standing: Standing, spec: ActionSpec, choice: _Choice, amount: Decimal, direct: bool) -> Proposal:
    there = Transfer(choice.place, standing.scope, choice.asset, amount)
    done = standing.after(there)
    if choice.use == "repay":
        owed = standing.rows[choice.asset].balance.owed
        done = done.after(Repay(standing.scope, choice.asset, min(amount, owed)))
        reason = f"bring in {choice.asset} from {choice.place} and repay with it"
    else:
        reason = f"bring in {choice.asset} from {choice.place} as collateral"
    over_cross = standing.scope != CROSS and (choice.place == "funding" or not direct)
    order = Transfer(choice.place, CROSS, choice.asset, amount) if over_cross else there
    if over_cross:
        reason += ", over cross"
    worth = amount * choice.price
    return Proposal(spec.name, "transfer_in", order, worth, standing.level, done.level, reason, choice.use)


def _why_empty(standing: Standing, spec: ActionSpec, busy: frozenset[str]) -> str:
    what = spec.asset or ("what is owed" if spec.use == "repay" else "anything that would help")
    places = " or ".join(spec.source)
    kept = f" above the {spec.keep_in_source} kept there" if spec.keep_in_source else ""
    if spec.asset in standing.uncounted and spec.asset is not None:
        return f"{spec.asset} is not owed, and the exchange counts no more of it as collateral; name another asset"
    if spec.asset is not None and not may_enter(standing, spec.asset):
        return f"{spec.asset} is to be delisted, and what is held of it covers what is owed; repay with that"
    short = ", ".join(_too_few(standing, spec, busy)) if spec.use != "collateral" else ""
    if short:
        return f"{places}{kept}, or the limits, leave less than the exchange takes as a repayment: {short}; {_MORE}"
    return f"{places} has no {what}{kept}, or the limits leave nothing of it; put some there"


def _too_few(standing: Standing, spec: ActionSpec, busy: frozenset[str]) -> Iterator[str]:
    """The least repayments of what is owed and at hand."""
    for asset, row in sorted(standing.rows.items()):
        at_hand = any(standing.outside.get(place, {}).get(asset, ZERO) > spec.keep_in_source for place in spec.source)
        if row.balance.owed and row.min_repay and at_hand and spec.asset in (None, asset) and asset not in busy:
            yield f"{plain(row.min_repay)} {asset}"


def _dollars_first(entry: tuple[str, Decimal]) -> tuple[bool, str]:
    """What keeps its value is the better collateral where the choice is ours."""
    return entry[0] != "USDT", entry[0]
