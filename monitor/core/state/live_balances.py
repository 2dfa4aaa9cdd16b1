"""Live balances of each scope: the last snapshot with the stream overlay on it (see `stream_overlay`).

The functions return the very same object for as long as nothing changed, so that results may be cached by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.core.model.account import CROSS, Balance, CrossSnapshot, IsolatedPair, IsolatedSnapshot, Scope
from monitor.core.model.events import StreamEvent
from monitor.core.model.stream_payloads import MarginNotice, ReportedLevel
from monitor.core.numbers.amounts import ZERO
from monitor.core.state.account_state import AccountState
from monitor.core.state.stream_overlay import (
    EMPTY_OVERLAY,
    LiveBalances,
    StreamOverlay,
    apply_event,
    overlay_balances,
    overlay_pair,
    rebase,
)

if TYPE_CHECKING:
    from monitor.core.state.account_state import AccountState


def live_cross_balances(state: AccountState) -> Mapping[str, Balance]:
    """Return the cross rows that are not all zero, by asset; empty before the first read of cross."""
    if state.cross is None:
        return _NO_BALANCES
    return state.live_balances.cross if state.live_balances.cross is not None else state.cross.balances


def live_pair(state: AccountState, symbol: str) -> IsolatedPair | None:
    """Return the pair with its live balances, everything else as it was read; None before the first read."""
    live = state.live_balances.pairs.get(symbol)
    if live is not None:
        return live
    return state.polled_pair(symbol)


def with_stream_event(state: AccountState, event: StreamEvent) -> LiveBalances:
    """Return the live balances after the event; the same object when the event has nothing new."""
    if isinstance(event.parsed, MarginNotice):
        return _with_notice(state.live_balances, event.parsed, event, state.cross)
    before = state.live_balances.overlays.get(event.scope, EMPTY_OVERLAY)
    after = apply_event(before, event)
    return state.live_balances if after is before else _with_overlay(state, state.live_balances, event.scope, after)


def with_snapshot(state: AccountState, snapshot: CrossSnapshot | IsolatedSnapshot) -> LiveBalances:
    """Return the live balances once the state has this snapshot: overlay entries that it contains are dropped."""
    scopes: Iterable[Scope] = (CROSS,)
    if isinstance(snapshot, IsolatedSnapshot):
        scopes = {*(scope for scope in state.live_balances.overlays if scope.symbol), *map(Scope, snapshot.pairs)}
    live = state.live_balances
    if live.notice is not None and isinstance(snapshot, CrossSnapshot) and snapshot.as_of >= live.notice.at:
        live = replace(live, notice=None)
    answered_at = snapshot.answered_at or max(snapshot.as_of, snapshot.received_at)
    for scope in scopes:
        left = rebase(live.overlays.get(scope, EMPTY_OVERLAY), snapshot.as_of, answered_at)
        live = _with_overlay(state, live, scope, left)
    return live


def _with_notice(
    live: LiveBalances, notice: MarginNotice, event: StreamEvent, snapshot: CrossSnapshot | None
) -> LiveBalances:
    """Return the live balances with the notice, unless a read or another notice is newer.

    A notice dated in the future is ignored.
    """
    at = min(event.event_time, event.received_at)
    known = live.notice
    if notice.level <= ZERO or (snapshot is not None and snapshot.as_of >= at) or (known is not None and known.at > at):
        return live
    return replace(live, notice=ReportedLevel(notice.level, notice.status, at))


def _with_overlay(state: AccountState, live: LiveBalances, scope: Scope, overlay: StreamOverlay) -> LiveBalances:
    known = {**live.overlays, scope: overlay}
    if not scope.symbol:
        read = state.cross.balances if state.cross is not None else _NO_BALANCES
        now = overlay_balances(read, overlay) if state.cross is not None else read
        changed = None if now is read else live.cross if now == live.cross else now
        return replace(live, overlays=known, cross=changed)
    pair = state.polled_pair(scope.symbol)
    after = overlay_pair(pair, overlay) if pair is not None else None
    if after is None or after is pair:
        left = live.pairs
        if scope.symbol in left:
            left = {symbol: other for symbol, other in left.items() if symbol != scope.symbol}
        return replace(live, overlays=known, pairs=left)
    if after == live.pairs.get(scope.symbol):
        return replace(live, overlays=known)
    return replace(live, overlays=known, pairs={**live.pairs, scope.symbol: after})


_NO_BALANCES: Mapping[str, Balance] = {}


def live_scope_balances(state: AccountState, scope: Scope) -> tuple[Balance, ...]:
    """Return the known live balances of one scope."""
    if not scope.symbol:
        return tuple(live_cross_balances(state).values())
    pair = live_pair(state, scope.symbol)
    return (pair.base, pair.quote) if pair is not None else ()
