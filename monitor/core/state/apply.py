"""The next state of an account after an event. Public: also used for fresh reads and simulations."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from monitor.core.model.account import CROSS, Scope, with_unread_balances, with_unread_pairs
from monitor.core.model.events import (
    ActionSettled,
    BarsRead,
    ClockSetBack,
    CrossRead,
    Event,
    HealthRead,
    InterestRead,
    IsolatedRead,
    KeyRead,
    LiquidationsRead,
    NextRatesRead,
    OperatorRead,
    PricesRead,
    RatesRead,
    ReadFailed,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    StreamName,
    Tick,
    TiersRead,
    WalletRead,
)
from monitor.core.model.intent import FINAL, Intent, asked
from monitor.core.model.reads import (
    CollateralRead,
    IndexRead,
    LedgerRead,
    LiquidationLoanRead,
    MarketsRead,
    MinimaRead,
    OrdersRead,
    OwnerRead,
    RecordRead,
    RecordReopened,
    SchedulesRead,
    TagsRead,
    TransfersRead,
)
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply_prices import priced
from monitor.core.state.apply_reference import follow
from monitor.core.state.live_balances import reconciled, told
from monitor.core.state.record_coverage import RECORD, failed, reopened, with_read
from monitor.core.state.scope_value import book_of, lacks_value
from monitor.core.state.stream_status import StreamState


def apply(state: AccountState, event: Event, now: datetime) -> AccountState:
    """The state after `event`. A snapshot older than the one known changes nothing."""
    if isinstance(event, PricesRead):
        # First: a thousand of these come for one of anything else.
        return priced(state, event.prices, now)
    after = _applied(state, event, now)
    if after is state and isinstance(event, CrossRead | IsolatedRead):
        return state
    followed = follow(state, event, now)
    return after if followed is state.followed else replace(after, followed=followed)


def _applied(state: AccountState, event: Event, now: datetime) -> AccountState:
    match event:
        case CrossRead(snapshot):
            if state.cross is not None and snapshot.as_of < state.cross.as_of:
                return state
            snapshot = with_unread_balances(snapshot, state.cross)
            book = book_of(snapshot.balances, state.prices, bases=state.followed.bases)
            if snapshot.rejected and lacks_value(snapshot, book):
                return state
            state = replace(
                state,
                cross=snapshot,
                cross_bases=state.followed.bases,
                cross_prices=state.prices,
                cross_priced_at=state.priced_at,
                book_then=book,
                book=book._replace(leaving_out=book.unpriced, unpriced=frozenset()),
            )
            return replace(state, picture=reconciled(state, snapshot))
        case IsolatedRead(snapshot):
            if state.isolated is not None and snapshot.as_of < state.isolated.as_of:
                return state
            priced_at = state.priced_at
            snapshot = with_unread_pairs(snapshot, state.isolated)
            state = replace(state, isolated=snapshot, isolated_prices=state.prices, isolated_priced_at=priced_at)
            return replace(state, picture=reconciled(state, snapshot))
        case BarsRead(bars):
            return replace(state, bars=bars, remembered=state.remembered - {CROSS})
        case TiersRead(symbol, tiers):
            remembered = state.remembered - {Scope(symbol)}
            return replace(state, tiers={**state.tiers, symbol: tiers}, remembered=remembered)
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
        case KeyRead(accepted, permissions, acting=True):
            known = permissions if permissions is not None else state.action_key
            return replace(state, action_key_accepted=accepted, action_key=known)
        case KeyRead(accepted, permissions):
            return replace(state, key_accepted=accepted, key=permissions if permissions is not None else state.key)
        case ReadFailed():
            record = failed(state.record, event.cause) if event.read == RECORD else state.record
            failed_at = {**state.failed_at, event.read: event.at}
            return replace(state, last_failure=event, failed_at=failed_at, record=record)
        case RecordRead():
            return replace(
                state, record=with_read(state.record, event, (*state.intents.values(), *state.elsewhere), now)
            )
        case RecordReopened(since):
            return replace(state, record=reopened(state.record, since, now))
        case StreamChanged(stream):
            return _with_stream(state, stream, _stream(state, stream).changed(event))
        case StreamAlive(stream, at):
            return _with_stream(state, stream, _stream(state, stream).alive(at))
        case StreamEvent(stream=stream):
            state = _with_stream(state, stream, _stream(state, stream).heard(event))
            picture = told(state, event)
            return state if picture is state.picture else replace(state, picture=picture)
        case OperatorRead():
            return replace(state, operator=event, intents=_asked(state.intents, event.asked or {}))
        case HealthRead():
            return replace(state, health=event)
        case OwnerRead():
            return replace(state, owner=event)
        case ActionSettled(intent):
            return _with_intent(state, intent, now)
        case PricesRead() | ClockSetBack() | Tick():
            return state
        case (
            OrdersRead()
            | LedgerRead()
            | TransfersRead()
            | LiquidationLoanRead()
            | SchedulesRead()
            | CollateralRead()
            | MinimaRead()
            | TagsRead()
            | IndexRead()
            | MarketsRead()
        ):
            return state
        case _:
            assert_never(event)


def _stream(state: AccountState, name: StreamName) -> StreamState:
    return state.streams.get(name, _NO_STREAM)


def _with_stream(state: AccountState, stream: StreamName, known: StreamState) -> AccountState:
    return replace(state, streams={**state.streams, stream: known})


def _asked(intents: Mapping[int, Intent], asked_at: Mapping[int, datetime]) -> Mapping[int, Intent]:
    """The intents with when people were asked, as far as that was not known."""
    new = {n: i for n, i in intents.items() if n in asked_at and i.asked_at is None}
    return {**intents, **{n: asked(i, asked_at[n]) for n, i in new.items()}} if new else intents


def _with_intent(state: AccountState, intent: Intent, now: datetime) -> AccountState:
    day_ago = now - timedelta(hours=24)
    kept = {
        i.id: i
        for i in state.intents.values()
        if i.state not in FINAL or i.awaits_judgement or (i.settled_at or i.created_at) >= day_ago
    }
    return replace(state, intents={**kept, intent.id: intent})


_NO_STREAM = StreamState()
