"""The next reference state after an event: schedules, collateral ratios, minima, lending terms."""

from dataclasses import replace
from datetime import datetime

from monitor.core.model.events import Event, LeverageTiersRead, ThresholdsRead
from monitor.core.model.lending_terms import (
    LendingTerms,
    TermsKind,
    changed_terms,
    collateral_text,
    restrictions_text,
    thresholds_text,
    tiers_text,
)
from monitor.core.model.reads import (
    CollateralRatiosRead,
    ListingScheduleRead,
    MinRepayRead,
    MonitoringTagsRead,
    TradingRulesRead,
)
from monitor.core.model.symbols import SymbolRulebook
from monitor.core.state.account_state import AccountState
from monitor.core.state.reference_state import ReferenceState


def apply_reference(before: AccountState, event: Event, now: datetime) -> ReferenceState:
    """Return the reference state after `event`; `before` is the account's state before it."""
    reference = before.reference
    match event:
        case TradingRulesRead(markets, assets, _):
            return replace(reference, trading_rules=SymbolRulebook(markets, assets))
        case ListingScheduleRead():
            return replace(_with_terms(reference, new_terms(before, event, now)), schedules=event)
        case CollateralRatiosRead():
            return replace(_with_terms(reference, new_terms(before, event, now)), collateral=event)
        case MinRepayRead(min_repay):
            return replace(reference, min_repay=min_repay)
        case MonitoringTagsRead():
            return replace(reference, tags=event)
        case ThresholdsRead() | LeverageTiersRead():
            return _with_terms(reference, new_terms(before, event, now))
        case _:
            return reference


def new_terms(before: AccountState, event: Event, now: datetime) -> tuple[LendingTerms, ...]:
    """Return the lending terms in the event that are new or have changed.

    Collateral ratios and restrictions only of assets in the cross account: there is no notice about four hundred
    others.
    """
    known = before.reference.terms
    cross = before.cross.balances.values() if before.cross is not None else ()
    kind: TermsKind
    match event:
        case ThresholdsRead(thresholds):
            kind, texts = "bars", {"": thresholds_text(thresholds)}
        case LeverageTiersRead(symbol, tiers):
            kind, texts = "tiers", {symbol: tiers_text(tiers)}
        case CollateralRatiosRead(tiers):
            kind = "collateral"
            texts = {b.asset: collateral_text(tiers.get(b.asset, ())) for b in cross if b.held}
        case ListingScheduleRead(_, restricted, _):
            kind = "restricted"
            texts = {b.asset: restrictions_text(b.asset, restricted) for b in cross if not b.is_zero}
        case _:
            return ()
    return changed_terms(known, kind, texts, now)


def _with_terms(reference: ReferenceState, new: tuple[LendingTerms, ...]) -> ReferenceState:
    if not new:
        return reference
    return replace(reference, terms={**reference.terms, **{(terms.kind, terms.subject): terms for terms in new}})
