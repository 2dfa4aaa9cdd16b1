"""Action kind `transfer_in`: money from spot or funding, to repay with or as collateral."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
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
    max_transfer_in,
    owed_with_next_interest,
)
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.margin.sizing import transfer_and_repay_to_reach, transfer_in_to_reach
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent
from monitor.core.model.order import Repay, Transfer, TransferPurpose, WalletName
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO, ceil_to, floor_to, format_decimal

NO_DIRECT_ROUTE_CODES = frozenset({-1102, -1130})
"""Codes by which the exchange says that there is no direct transfer from spot into an isolated pair."""

_NO_LIMIT = Decimal("1E30")
_TERMS_READS = frozenset({"reference_data"})
_ADD_FUNDS = "put more there, or raise the limits"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One asset from one source wallet, for one use."""

    use: TransferPurpose
    source: WalletName
    asset: str
    price: Decimal
    needed: Decimal
    usable: Decimal
    collateral_ratio: Decimal = ONE
    """Share of the asset's value that counts as collateral."""

    @property
    def rank(self) -> tuple[bool, bool, Decimal, Decimal]:
        """Rank of the candidate: repaying before collateral, enough before too little, then the collateral ratio."""
        worth = min(self.needed, self.usable) * self.price
        return self.use == "repay", self.usable >= self.needed, self.collateral_ratio, worth


def propose_transfer_in(
    position: ScopePosition,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance = UNLIMITED,
    *,
    unsettled: frozenset[str] = frozenset(),
    min_remainder: Decimal = MIN_REMAINDER_USDT,
    direct_route: bool = True,
) -> Proposal | NoProposal:
    """Propose the transfer that brings the level to `target`, within the sources and the allowance.

    With `use` auto, an asset that is owed is brought in, sized for a repayment at once and not below the exchange's
    minimum; collateral is brought in only if no owed asset is available for that. Assets in `unsettled` can't be
    repaid now. `direct_route` False: an isolated pair is reached over cross, and this order is the first hop.
    """
    if not any(row.balance.owed for row in position.by_asset.values()):
        return NoProposal("nothing is owed")
    if target is not None and position.level >= target:
        return NoProposal("the target is reached")
    unread = frozenset(place for place in spec.source if place not in position.external)
    outdated = unread | {p for p in spec.source if now - position.external_as_of.get(p, now) > spec.max_data_age}
    candidates = [
        choice
        for choice in _candidates(position, spec, target, now, allowance, unsettled, min_remainder)
        if choice.usable > ZERO
    ]
    if not candidates and position.terms_unknown and _waits_for_terms(position, spec):
        return NoProposal(
            "what the exchange counts as collateral is not known yet", True, _TERMS_READS, missing_reads=_TERMS_READS
        )
    if not candidates:
        if unread:
            return NoProposal(
                f"the balance of {' and '.join(sorted(unread))} is not known yet",
                requested_reads=unread,
                missing_reads=unread,
            )
        return NoProposal(_no_candidate_text(position, spec, unsettled), is_blocked=True, requested_reads=outdated)
    best = max(candidates, key=lambda choice: choice.rank)
    amount = min(best.needed, best.usable)
    if best.use == "repay":
        row = position.by_asset[best.asset]
        amount = amount_without_dust(
            amount, owed_with_next_interest(row, now), best.usable, min_remainder / best.price, row.min_repay
        )
    if amount * best.price < MIN_ORDER_USDT:
        return NoProposal(
            f"bringing in {best.asset} would be worth less than {MIN_ORDER_USDT} USDT", requested_reads=outdated
        )
    return _proposal(position, spec, best, amount, direct_route)


def propose_second_hop(position: ScopePosition, first_intent: Intent) -> Proposal | NoProposal:
    """Propose the second hop, from cross into the pair, of the amount that the first brought and is still free."""
    free = position.external.get("cross", {}).get(first_intent.asset, ZERO)
    amount = floor_to(min(first_intent.amount, free), EIGHT_DECIMALS)
    price = position.price(first_intent.asset)
    if amount <= ZERO or price is None:
        return NoProposal(
            f"the {first_intent.asset} brought to cross is not free there; move it by hand", is_blocked=True
        )
    order = Transfer("cross", position.scope, first_intent.asset, amount)
    after = position.after(order).level
    reason = f"second hop of {first_intent.asset} into {position.scope}"
    worth = amount * price
    return Proposal(
        first_intent.action, "transfer_in", order, worth, position.level, after, reason, first_intent.purpose
    )


def _candidates(
    position: ScopePosition,
    spec: ActionSpec,
    target: Decimal | None,
    now: datetime,
    allowance: Allowance,
    unsettled: frozenset[str],
    min_remainder: Decimal,
) -> Iterator[_Candidate]:
    debt = debt_with_next_interest(position, now)
    for place in spec.source:
        for asset, free in sorted(position.external.get(place, {}).items(), key=_usdt_first):
            price = position.price(asset)
            if price is None or spec.asset not in (None, asset):
                continue
            usable = floor_to(min(max(ZERO, free - spec.keep_in_source), allowance.amount_at(price)), EIGHT_DECIMALS)
            usable = min(usable, max_transfer_in(position, asset))
            row = position.by_asset.get(asset)
            owed = owed_with_next_interest(row, now) if row is not None else ZERO
            is_short = row is not None and is_below_minimum(
                owed, min(usable, owed), min_remainder / price, row.min_repay
            )
            if spec.use != "collateral" and owed > ZERO and asset not in unsettled and not is_short:
                value = None if target is None else transfer_and_repay_to_reach(target, position.assets, debt)
                needed = _needed_amount(value, spec, price)
                yield _Candidate("repay", place, asset, price, min(needed, owed), min(usable, owed))
            elif asset in position.worthless_collateral or (position.terms_unknown and _needs_terms(position, asset)):
                continue
            elif spec.use != "repay" and (spec.asset is not None or row is not None or asset == "USDT"):
                value = None if target is None else transfer_in_to_reach(target, position.assets, debt)
                share = position.collateral_ratios.get(asset, ONE)
                yield _Candidate("collateral", place, asset, price, _needed_amount(value, spec, price), usable, share)


def _needs_terms(position: ScopePosition, asset: str) -> bool:
    """Return whether the asset's collateral terms must be known before it is brought in as collateral."""
    row = position.by_asset.get(asset)
    return asset != "USDT" and (row is None or row.balance.owed <= ZERO)


def _waits_for_terms(position: ScopePosition, spec: ActionSpec) -> bool:
    there = {a for place in spec.source for a, free in position.external.get(place, {}).items() if free > ZERO}
    wanted = there if spec.asset is None else there & {spec.asset}
    known = position.by_asset.keys() | ({spec.asset} if spec.asset is not None else set())
    return any(
        asset in known
        and (max_transfer_in(position, asset) <= ZERO or (spec.use != "repay" and _needs_terms(position, asset)))
        for asset in wanted
    )


def _needed_amount(value: Decimal | None, spec: ActionSpec, price: Decimal) -> Decimal:
    if value is None:
        return spec.amount if spec.amount is not None else _NO_LIMIT
    return ceil_to(value / price, EIGHT_DECIMALS)


def _proposal(
    position: ScopePosition, spec: ActionSpec, candidate: _Candidate, amount: Decimal, direct_route: bool
) -> Proposal:
    direct_transfer = Transfer(candidate.source, position.scope, candidate.asset, amount)
    done = position.after(direct_transfer)
    if candidate.use == "repay":
        owed = position.by_asset[candidate.asset].balance.owed
        done = done.after(Repay(position.scope, candidate.asset, min(amount, owed)))
        reason = f"bring in {candidate.asset} from {candidate.source} and repay with it"
    else:
        reason = f"bring in {candidate.asset} from {candidate.source} as collateral"
    over_cross = position.scope != CROSS and (candidate.source == "funding" or not direct_route)
    order = Transfer(candidate.source, CROSS, candidate.asset, amount) if over_cross else direct_transfer
    if over_cross:
        reason += ", over cross"
    worth = amount * candidate.price
    return Proposal(spec.name, "transfer_in", order, worth, position.level, done.level, reason, candidate.use)


def _no_candidate_text(position: ScopePosition, spec: ActionSpec, unsettled: frozenset[str]) -> str:
    what = spec.asset or ("what is owed" if spec.use == "repay" else "anything that would help")
    places = " or ".join(spec.source)
    kept = f" above the {spec.keep_in_source} kept there" if spec.keep_in_source else ""
    if spec.asset in position.worthless_collateral and spec.asset is not None:
        return f"{spec.asset} is not owed, and the exchange counts no more of it as collateral; name another asset"
    if spec.asset is not None and not max_transfer_in(position, spec.asset):
        return f"{spec.asset} is to be delisted, and what is held of it covers what is owed; repay with that"
    short = ", ".join(_min_repay_texts(position, spec, unsettled)) if spec.use != "collateral" else ""
    if short:
        return (
            f"{places}{kept}, or the limits, leave less than the exchange takes as a repayment: {short}; {_ADD_FUNDS}"
        )
    return f"{places} has no {what}{kept}, or the limits leave nothing of it; put some there"


def _min_repay_texts(position: ScopePosition, spec: ActionSpec, unsettled: frozenset[str]) -> Iterator[str]:
    """Yield the minimum repayment of each asset that is owed and available in a source."""
    for asset, row in sorted(position.by_asset.items()):
        at_hand = any(position.external.get(place, {}).get(asset, ZERO) > spec.keep_in_source for place in spec.source)
        if row.balance.owed and row.min_repay and at_hand and spec.asset in (None, asset) and asset not in unsettled:
            yield f"{format_decimal(row.min_repay)} {asset}"


def _usdt_first(entry: tuple[str, Decimal]) -> tuple[bool, str]:
    """Sort key with USDT first: a stable asset is the better collateral if the program may choose."""
    return entry[0] != "USDT", entry[0]
