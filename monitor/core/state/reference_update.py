"""The next reference state after an event: open orders, ledger, lending terms, index prices."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from monitor.core.model.account import CROSS, Balance, CrossSnapshot, IsolatedSnapshot, Price, Scope
from monitor.core.model.events import (
    BalanceAdjusted,
    BalancesChanged,
    CrossRead,
    Event,
    IsolatedRead,
    LeverageTiersRead,
    StreamEvent,
    ThresholdsRead,
    Tick,
)
from monitor.core.model.intent import FINAL_STATES, Intent
from monitor.core.model.lending_terms import (
    LendingTerms,
    TermsKind,
    changed_terms,
    collateral_text,
    restrictions_text,
    thresholds_text,
    tiers_text,
)
from monitor.core.model.order import Reduce, Transfer
from monitor.core.model.reads import (
    CollateralRatiosRead,
    IndexPriceRead,
    LedgerRead,
    LiquidationLoanRead,
    ListingScheduleRead,
    MinRepayRead,
    MonitoringTagsRead,
    OpenOrdersRead,
    TradingRulesRead,
)
from monitor.core.model.symbols import SymbolRulebook
from monitor.core.state.index_basis import match_index
from monitor.core.state.open_orders import OpenOrders
from monitor.core.state.reference_state import ReferenceState, with_index_readings

STREAM_LAG = timedelta(seconds=5)
"""Maximum delay of a stream event behind a snapshot that already shows the change."""

LEDGER_RETRY = timedelta(minutes=1)
"""Minimum time between ledger reads for unexplained changes."""

OWN_ORDER_WINDOW = timedelta(minutes=2)
"""Time after its settlement in which an own order explains a change."""

LEDGER_LAG = timedelta(hours=3)
"""Maximum wait for a movement that does not show in the ledger."""

INDEX_RETRY = timedelta(seconds=30)
"""Minimum time between reads of an index price that was never matched with a spot price of its moment."""

ALL_DEBTS = ""
"""Stands for all debts of a scope, when the stream does not name the changed balance."""


class AccountStateView(Protocol):
    """The part of the account's state that this module reads."""

    @property
    def cross(self) -> CrossSnapshot | None: ...
    @property
    def isolated(self) -> IsolatedSnapshot | None: ...
    @property
    def prices(self) -> Mapping[str, Price]: ...
    @property
    def reference(self) -> ReferenceState: ...
    @property
    def intents(self) -> Mapping[int, Intent]: ...


def apply_reference(before: AccountStateView, event: Event, now: datetime) -> ReferenceState:
    """Return the reference state after `event`; `before` is the account's state before it."""
    reference = before.reference
    match event:
        case Tick():
            return _request_overdue(reference, now)
        case StreamEvent():
            return _with_stream_event(reference, event)
        case CrossRead(snapshot):
            old = None if before.cross is None else before.cross.balances
            since = None if before.cross is None else before.cross.as_of
            reference = _with_balances(before, reference, CROSS, old, snapshot.balances, since, now)
            if (
                before.prices
                and reference.index_requested_at is None
                and any(b.owed for b in snapshot.balances.values())
            ):
                reference = replace(reference, index_requested_at=now)
            return _with_locked(reference, CROSS, snapshot.balances.values(), snapshot.as_of)
        case IsolatedRead(snapshot):
            return _with_pairs(before, reference, snapshot, now)
        case OpenOrdersRead(scope, numbers, as_of, resting):
            orders = reference.orders.get(scope, OpenOrders()).with_read(numbers, as_of)
            return replace(
                reference,
                orders={**reference.orders, scope: orders},
                open_orders={**reference.open_orders, scope: resting},
                order_mismatch=reference.order_mismatch - {scope},
            )
        case TradingRulesRead(markets, assets, _):
            return replace(reference, trading_rules=SymbolRulebook(markets, assets))
        case LedgerRead():
            return _with_ledger(reference, event, now)
        case LiquidationLoanRead():
            return replace(reference, liquidation_loan=event)
        case IndexPriceRead(symbol, price):
            return _with_index(before, reference, symbol, price)
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


def new_terms(before: AccountStateView, event: Event, now: datetime) -> tuple[LendingTerms, ...]:
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


def _with_stream_event(reference: ReferenceState, event: StreamEvent) -> ReferenceState:
    assets: Iterable[str]
    match event.parsed:
        case BalancesChanged(amounts=amounts):
            assets = amounts.keys()
        case BalanceAdjusted(asset=asset):
            assets = (asset,)
        case _ if event.stream == "risk":
            assets = (ALL_DEBTS,)
        case _:
            assets = ()
    scope, at = event.scope, event.received_at
    if assets:
        last_event_at = {**reference.last_event_at, **{(scope, asset): at for asset in assets}}
        unexplained = {
            key: since for key, since in reference.unexplained.items() if not (key[0] == scope and key[1] in assets)
        }
        # The risk stream reports interest too, which is no movement; a new loan shows in the balances.
        ledger_stale_since = (
            reference.ledger_stale_since if event.stream == "risk" else {**reference.ledger_stale_since, scope: at}
        )
        reference = replace(
            reference, last_event_at=last_event_at, unexplained=unexplained, ledger_stale_since=ledger_stale_since
        )
    if event.order is not None:
        update = event.order
        orders = reference.orders.get(scope, OpenOrders()).with_change(update.order_id, update.is_open, update.as_of)
        reference = replace(reference, orders={**reference.orders, scope: orders})
    return reference


def _with_pairs(
    before: AccountStateView, reference: ReferenceState, snapshot: IsolatedSnapshot, now: datetime
) -> ReferenceState:
    known = before.isolated
    for symbol, pair in snapshot.pairs.items():
        scope = Scope(symbol)
        last = known.pairs.get(symbol) if known is not None else None
        old = None if last is None else {side.asset: side for side in (last.base, last.quote)}
        new = {side.asset: side for side in (pair.base, pair.quote)}
        reference = _with_balances(before, reference, scope, old, new, None if known is None else known.as_of, now)
        reference = _with_locked(reference, scope, new.values(), snapshot.as_of)
    return reference


def _with_balances(
    before: AccountStateView,
    reference: ReferenceState,
    scope: Scope,
    old: Mapping[str, Balance] | None,
    new: Mapping[str, Balance],
    since: datetime | None,
    now: datetime,
) -> ReferenceState:
    """Record the balances that changed from one snapshot of the scope to the next, and whether anything explains it."""
    if old is None or since is None or old is new:
        return reference
    moved = [asset for asset in old.keys() | new.keys() if _has_moved(old.get(asset), new.get(asset))]
    if not moved:
        return reference
    last_event_at, own = reference.last_event_at, _moved_by_own_intents(before.intents.values(), scope, now)
    unexplained = dict(reference.unexplained)
    for asset in moved:
        reported_at = max(
            (last_event_at[key] for key in ((scope, asset), (scope, ALL_DEBTS)) if key in last_event_at), default=None
        )
        if asset not in own and (reported_at is None or reported_at < since - STREAM_LAG):
            unexplained.setdefault((scope, asset), now)
    return replace(reference, unexplained=unexplained, ledger_stale_since={**reference.ledger_stale_since, scope: now})


def _has_moved(old: Balance | None, new: Balance | None) -> bool:
    """Return whether more than interest changed."""
    if old is None or new is None:
        other = old or new
        return other is not None and bool(other.held or other.borrowed)
    return old is not new and (old.held != new.held or old.borrowed != new.borrowed)


def _moved_by_own_intents(intents: Iterable[Intent], scope: Scope, now: datetime) -> frozenset[str]:
    """Return the assets of the scope that own orders have moved, or may have."""
    found: set[str] = set()
    for intent in intents:
        if intent.submitted_at is None:
            continue
        is_recent = (
            intent.state not in FINAL_STATES or now - (intent.settled_at or intent.submitted_at) <= OWN_ORDER_WINDOW
        )
        from_cross = isinstance(intent.order, Transfer) and intent.order.source == "cross"
        if is_recent and (intent.scope == scope or (from_cross and scope == CROSS)):
            found.add(intent.asset)
            if isinstance(intent.order, Reduce):
                found.add(intent.order.sell_asset)
    return frozenset(found)


def _with_locked(
    reference: ReferenceState, scope: Scope, balances: Iterable[Balance], as_of: datetime
) -> ReferenceState:
    """Compare the locked amounts with the orders known to be open. If nothing is locked, no order is open."""
    has_locked = any(balance.locked for balance in balances)
    orders = reference.orders.get(scope, OpenOrders())
    if not has_locked and (orders.order_ids or orders.read_at is None or orders.locked_without_orders):
        orders = orders.with_nothing_locked(as_of)
        reference = replace(reference, orders={**reference.orders, scope: orders})
    agrees = orders.matches_locked(has_locked, as_of)
    if agrees == (scope not in reference.order_mismatch):
        return reference
    disagreeing = reference.order_mismatch - {scope} if agrees else reference.order_mismatch | {scope}
    return replace(reference, order_mismatch=disagreeing)


def _request_overdue(reference: ReferenceState, now: datetime) -> ReferenceState:
    """Request the ledger for changes that stay unexplained after `STREAM_LAG`, and unmatched index prices again."""
    requested = reference.index_requested_at
    if (requested is None or now - requested >= INDEX_RETRY) and any(
        r.should_retry for r in reference.index_readings.values()
    ):
        reference = replace(reference, index_requested_at=now)
    lags = reference.watches_foreign_activity and any(
        now - since >= STREAM_LAG for since in reference.ledger_stale_since.values()
    )
    if not (reference.unexplained or lags):
        return reference
    due = {key for key, since in reference.unexplained.items() if now - since >= STREAM_LAG}
    if not (due or lags) or (
        reference.ledger_requested_at is not None and now - reference.ledger_requested_at < LEDGER_RETRY
    ):
        return reference
    unexplained = {key: since for key, since in reference.unexplained.items() if key not in due}
    return replace(reference, unexplained=unexplained, ledger_requested_at=now)


def _with_index(before: AccountStateView, reference: ReferenceState, symbol: str, index: Price) -> ReferenceState:
    last = reference.index_readings.get(symbol)
    # The basis of an open reading may turn out to mix two moments, so it is no fallback.
    sure = last.fallback_basis if last is not None and last.is_open else reference.index_basis.get(symbol)
    reading = match_index(index, before.prices.get(symbol), sure)
    return with_index_readings(reference, {symbol: reading})


def _with_ledger(reference: ReferenceState, read: LedgerRead, now: datetime) -> ReferenceState:
    moved_at = dict(reference.ledger_stale_since)
    moved = moved_at.get(read.scope)
    if moved is not None and (
        any(row.at >= moved - timedelta(minutes=2) for row in read.rows) or now - moved > LEDGER_LAG
    ):
        del moved_at[read.scope]
    return replace(
        reference,
        ledger_stale_since=moved_at,
        ledger_read_until={**reference.ledger_read_until, read.scope: read.until},
    )


def _with_terms(reference: ReferenceState, new: tuple[LendingTerms, ...]) -> ReferenceState:
    if not new:
        return reference
    return replace(reference, terms={**reference.terms, **{(terms.kind, terms.subject): terms for terms in new}})
