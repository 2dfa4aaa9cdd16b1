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
    ThresholdsRead,
    Tick,
    WalletRead,
)
from monitor.core.model.intent import FINAL_STATES, Intent, mark_approval_requested
from monitor.core.model.odds import OddsRead
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
from monitor.core.model.stream_payloads import StreamName
from monitor.core.state.account_state import AccountState, KeyState, LiquidationHistory, ThresholdState
from monitor.core.state.activity_update import apply_activity
from monitor.core.state.live_balances import live_cross_balances, with_snapshot, with_stream_event
from monitor.core.state.record_coverage import RECORD_READ, apply_history, count_failure, reopen_gap
from monitor.core.state.reference_update import apply_reference
from monitor.core.state.scope_value import is_undervalued
from monitor.core.state.stream_status import StreamStatus


def apply_account_event(state: AccountState, event: Event, now: datetime) -> AccountState:
    """Return the state after `event`. A snapshot older than the known one changes nothing."""
    if isinstance(event, PricesRead):
        # Prices first: they are a thousand times as frequent as all other events.
        balances = live_cross_balances(state)
        prices = state.prices.with_prices(event.prices, state.cross, state.isolated, balances, now)
        return state if prices is state.prices else state.with_prices(prices)
    after = _apply_event(state, event, now)
    if after is state and isinstance(event, CrossRead | IsolatedRead):
        return state
    activity, reference = apply_activity(state, event, now), apply_reference(state, event, now)
    if activity is state.activity and reference is state.reference:
        return after
    return replace(after, activity=activity, reference=reference)


def _apply_event(state: AccountState, event: Event, now: datetime) -> AccountState:
    match event:
        case CrossRead(snapshot, before):
            if state.cross is not None and snapshot.as_of < state.cross.as_of:
                return state
            snapshot = keep_unread_balances(snapshot, state.cross)
            value = state.prices.value_snapshot(snapshot.balances)
            if snapshot.rejected and is_undervalued(snapshot, value):
                return state
            prices = state.prices.with_cross_snapshot(snapshot, value, before)
            if any(balance.owed for balance in event.snapshot.balances.values()):
                prices = prices.with_first_index_request(now)
            state = replace(state, cross=snapshot, prices=prices)
            return replace(state, live_balances=with_snapshot(state, snapshot))
        case IsolatedRead(snapshot, before):
            if state.isolated is not None and snapshot.as_of < state.isolated.as_of:
                return state
            snapshot = keep_unread_pairs(snapshot, state.isolated)
            prices = state.prices.with_isolated_snapshot(snapshot, state.isolated, before)
            state = replace(state, isolated=snapshot, prices=prices)
            return replace(state, live_balances=with_snapshot(state, snapshot))
        case ThresholdsRead() | LeverageTiersRead():
            return replace(state, thresholds=_with_thresholds(state.thresholds, event))
        case InterestRead():
            return replace(state, interest=replace(state.interest, charges=event))
        case RatesRead():
            return replace(state, interest=replace(state.interest, rates=event))
        case NextRatesRead():
            return replace(state, interest=replace(state.interest, next_rates=event))
        case LiquidationsRead(liquidations):
            return replace(state, liquidations=LiquidationHistory(liquidations, now))
        case WalletRead(wallet, content):
            return replace(state, wallets={**state.wallets, wallet: content})
        case KeyRead() | OwnerRead():
            return replace(state, keys=_with_key(state.keys, event))
        case ReadFailed():
            record = (
                count_failure(state.record_coverage, event.cause)
                if event.read == RECORD_READ
                else state.record_coverage
            )
            failed_at = {**state.polling.failed_at, event.read: event.at}
            polling = replace(state.polling, last_failure=event, failed_at=failed_at)
            return replace(state, polling=polling, record_coverage=record)
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
        case OddsRead():
            return replace(state, odds=event)
        case IntentUpdated(intent):
            return _with_intent(state, intent, now)
        case IndexPriceRead(symbol, price):
            return state.with_prices(state.prices.with_index(symbol, price))
        case Tick():
            prices = state.prices.with_index_retry(now)
            return state if prices is state.prices else state.with_prices(prices)
        case PricesRead() | ClockSetBack():
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
            | TradingRulesRead()
        ):
            return state
        case _:
            assert_never(event)


def _with_thresholds(known: ThresholdState, read: ThresholdsRead | LeverageTiersRead) -> ThresholdState:
    if isinstance(read, ThresholdsRead):
        return replace(known, cross=read.thresholds, remembered_scopes=known.remembered_scopes - {CROSS})
    tiers = {**known.tiers, read.symbol: read.tiers}
    return replace(known, tiers=tiers, remembered_scopes=known.remembered_scopes - {Scope(read.symbol)})


def _with_key(known: KeyState, read: KeyRead | OwnerRead) -> KeyState:
    """Return the keys after the read; a read without permissions leaves the known ones."""
    match read:
        case OwnerRead():
            return replace(known, owner=read)
        case KeyRead(accepted, permissions, is_action_key=True):
            known_permissions = permissions if permissions is not None else known.action_permissions
            return replace(known, is_action_key_accepted=accepted, action_permissions=known_permissions)
        case KeyRead(accepted, permissions):
            known_permissions = permissions if permissions is not None else known.permissions
            return replace(known, is_accepted=accepted, permissions=known_permissions)


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
