"""The next state of an account after an event. Public: also used for fresh reads and simulations."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from monitor.core.model.account import CROSS, Scope, keep_unread_balances, keep_unread_pairs
from monitor.core.model.events import (
    ClockSetBack,
    CommandsRead,
    CrossRead,
    Event,
    HealthRead,
    IntentUpdated,
    InterestRead,
    IsolatedRead,
    KeyRead,
    LeverageTiersRead,
    LiquidationsRead,
    NextRatesRead,
    PricesRead,
    RatesRead,
    ReadFailed,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    StreamName,
    ThresholdsRead,
    Tick,
    WalletRead,
)
from monitor.core.model.intent import FINAL_STATES, Intent, mark_approval_requested
from monitor.core.model.reads import (
    CollateralRatiosRead,
    GapHistoryRead,
    GapReopened,
    IndexPriceRead,
    LedgerRead,
    LiquidationLoanRead,
    ListingScheduleRead,
    MinRepayRead,
    MonitoringTagsRead,
    OpenOrdersRead,
    OwnerRead,
    TradingRulesRead,
    TransfersRead,
)
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import with_snapshot, with_stream_event
from monitor.core.state.price_update import apply_prices
from monitor.core.state.record_coverage import RECORD_READ, apply_history, count_failure, reopen_gap
from monitor.core.state.reference_update import apply_reference
from monitor.core.state.scope_value import is_undervalued, value_scope
from monitor.core.state.stream_status import StreamStatus


def apply_account_event(state: AccountState, event: Event, now: datetime) -> AccountState:
    """Return the state after `event`. A snapshot older than the known one changes nothing."""
    if isinstance(event, PricesRead):
        # Prices first: they are a thousand times as frequent as all other events.
        return apply_prices(state, event.prices, now)
    after = _apply_event(state, event, now)
    if after is state and isinstance(event, CrossRead | IsolatedRead):
        return state
    reference = apply_reference(state, event, now)
    return after if reference is state.reference else replace(after, reference=reference)


def _apply_event(state: AccountState, event: Event, now: datetime) -> AccountState:
    match event:
        case CrossRead(snapshot):
            if state.cross is not None and snapshot.as_of < state.cross.as_of:
                return state
            snapshot = keep_unread_balances(snapshot, state.cross)
            value = value_scope(snapshot.balances, state.prices, bases=state.reference.index_basis)
            if snapshot.rejected and is_undervalued(snapshot, value):
                return state
            state = replace(
                state,
                cross=snapshot,
                cross_basis_at_snapshot=state.reference.index_basis,
                cross_prices_at_snapshot=state.prices,
                newest_cross_price_at=state.newest_price_at,
                cross_value_at_snapshot=value,
                cross_value=value._replace(excluded=value.unpriced, unpriced=frozenset()),
            )
            return replace(state, live_balances=with_snapshot(state, snapshot))
        case IsolatedRead(snapshot):
            if state.isolated is not None and snapshot.as_of < state.isolated.as_of:
                return state
            priced_at = state.newest_price_at
            snapshot = keep_unread_pairs(snapshot, state.isolated)
            state = replace(
                state, isolated=snapshot, isolated_prices_at_snapshot=state.prices, newest_isolated_price_at=priced_at
            )
            return replace(state, live_balances=with_snapshot(state, snapshot))
        case ThresholdsRead(thresholds):
            return replace(state, cross_thresholds=thresholds, remembered_scopes=state.remembered_scopes - {CROSS})
        case LeverageTiersRead(symbol, tiers):
            remembered = state.remembered_scopes - {Scope(symbol)}
            return replace(state, tiers={**state.tiers, symbol: tiers}, remembered_scopes=remembered)
        case InterestRead():
            return replace(state, interest=event)
        case RatesRead():
            return replace(state, rates=event)
        case NextRatesRead():
            return replace(state, next_rates=event)
        case LiquidationsRead(liquidations):
            return replace(state, liquidations=liquidations, liquidations_at=now)
        case WalletRead(wallet, content):
            return replace(state, wallets={**state.wallets, wallet: content})
        case KeyRead(accepted, permissions, is_action_key=True):
            known = permissions if permissions is not None else state.action_key
            return replace(state, action_key_accepted=accepted, action_key=known)
        case KeyRead(accepted, permissions):
            return replace(state, key_accepted=accepted, key=permissions if permissions is not None else state.key)
        case ReadFailed():
            record = (
                count_failure(state.record_coverage, event.cause)
                if event.read == RECORD_READ
                else state.record_coverage
            )
            failed_at = {**state.failed_at, event.read: event.at}
            return replace(state, last_failure=event, failed_at=failed_at, record_coverage=record)
        case GapHistoryRead():
            return replace(
                state,
                record_coverage=apply_history(
                    state.record_coverage, event, (*state.intents.values(), *state.sibling_intents), now
                ),
            )
        case GapReopened(since):
            return replace(state, record_coverage=reopen_gap(state.record_coverage, since, now))
        case StreamChanged(stream):
            return _with_stream(state, stream, _stream_status(state, stream).with_change(event))
        case StreamAlive(stream, at):
            return _with_stream(state, stream, _stream_status(state, stream).with_frame(at))
        case StreamEvent(stream=stream):
            state = _with_stream(state, stream, _stream_status(state, stream).with_event(event))
            live = with_stream_event(state, event)
            return state if live is state.live_balances else replace(state, live_balances=live)
        case CommandsRead():
            return replace(state, commands=event, intents=_mark_asked(state.intents, event.asked_at or {}))
        case HealthRead():
            return replace(state, health=event)
        case OwnerRead():
            return replace(state, owner=event)
        case IntentUpdated(intent):
            return _with_intent(state, intent, now)
        case PricesRead() | ClockSetBack() | Tick():
            return state
        case (
            OpenOrdersRead()
            | LedgerRead()
            | TransfersRead()
            | LiquidationLoanRead()
            | ListingScheduleRead()
            | CollateralRatiosRead()
            | MinRepayRead()
            | MonitoringTagsRead()
            | IndexPriceRead()
            | TradingRulesRead()
        ):
            return state
        case _:
            assert_never(event)


def _stream_status(state: AccountState, name: StreamName) -> StreamStatus:
    return state.streams.get(name, _NO_STREAM)


def _with_stream(state: AccountState, stream: StreamName, status: StreamStatus) -> AccountState:
    return replace(state, streams={**state.streams, stream: status})


def _mark_asked(intents: Mapping[int, Intent], asked_at: Mapping[int, datetime]) -> Mapping[int, Intent]:
    """Return the intents with the time when people were asked, where that was unknown."""
    new = {n: i for n, i in intents.items() if n in asked_at and i.asked_at is None}
    return {**intents, **{n: mark_approval_requested(i, asked_at[n]) for n, i in new.items()}} if new else intents


def _with_intent(state: AccountState, intent: Intent, now: datetime) -> AccountState:
    day_ago = now - timedelta(hours=24)
    kept = {
        i.id: i
        for i in state.intents.values()
        if i.state not in FINAL_STATES or i.awaits_judgement or (i.settled_at or i.created_at) >= day_ago
    }
    return replace(state, intents={**kept, intent.id: intent})


_NO_STREAM = StreamStatus()
