"""What each scope holds and owes now: the last read, and what events newer than it have told (see `told`).

What is returned is the very same object for as long as nothing changed, so that work on it may be kept by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.core.model.account import CROSS, Balance, CrossSnapshot, IsolatedPair, IsolatedSnapshot, Scope
from monitor.core.model.events import MarginNotice, Noticed, StreamEvent
from monitor.core.numbers.amounts import ZERO
from monitor.core.state.account_state import AccountState
from monitor.core.state.stream_overlay import NOTHING_TOLD, Picture, Told, balances_now, heard, pair_told, read_again

if TYPE_CHECKING:
    from monitor.core.state.account_state import AccountState


def cross_balances(state: AccountState) -> Mapping[str, Balance]:
    """The cross rows that are not all zero, by asset; empty while cross was never read."""
    if state.cross is None:
        return _NOTHING
    return state.picture.cross if state.picture.cross is not None else state.cross.balances


def pair_now(state: AccountState, symbol: str) -> IsolatedPair | None:
    """The pair with the balances as they are now, everything else as it was read; None while it was never read."""
    told = state.picture.pairs.get(symbol)
    if told is not None:
        return told
    return state.isolated.pairs.get(symbol) if state.isolated is not None else None


def told(state: AccountState, event: StreamEvent) -> Picture:
    """The picture with the event, the same one where it tells nothing new."""
    if isinstance(event.meaning, MarginNotice):
        return _noticed(state.picture, event.meaning, event, state.cross)
    before = state.picture.told.get(event.scope, NOTHING_TOLD)
    after = heard(before, event)
    return state.picture if after is before else _with_told(state, state.picture, event.scope, after)


def reconciled(state: AccountState, snapshot: CrossSnapshot | IsolatedSnapshot) -> Picture:
    """The picture once the state has this read: what it tells itself is dropped."""
    scopes: Iterable[Scope] = (CROSS,)
    if isinstance(snapshot, IsolatedSnapshot):
        scopes = {*(scope for scope in state.picture.told if scope.symbol), *map(Scope, snapshot.pairs)}
    picture = state.picture
    if picture.notice is not None and isinstance(snapshot, CrossSnapshot) and snapshot.as_of >= picture.notice.at:
        picture = replace(picture, notice=None)
    answered_at = snapshot.answered_at or max(snapshot.as_of, snapshot.received_at)
    for scope in scopes:
        left = read_again(picture.told.get(scope, NOTHING_TOLD), snapshot.as_of, answered_at)
        picture = _with_told(state, picture, scope, left)
    return picture


def _noticed(picture: Picture, said: MarginNotice, event: StreamEvent, read: CrossSnapshot | None) -> Picture:
    """The picture with the notice, unless a read or another notice is newer. A date ahead of us is none."""
    at = min(event.event_time, event.received_at)
    known = picture.notice
    if said.level <= ZERO or (read is not None and read.as_of >= at) or (known is not None and known.at > at):
        return picture
    return replace(picture, notice=Noticed(said.level, said.status, at))


def _with_told(state: AccountState, picture: Picture, scope: Scope, told: Told) -> Picture:
    known = {**picture.told, scope: told}
    if not scope.symbol:
        read = state.cross.balances if state.cross is not None else _NOTHING
        now = balances_now(read, told) if state.cross is not None else read
        changed = None if now is read else picture.cross if now == picture.cross else now
        return replace(picture, told=known, cross=changed)
    pair = state.isolated.pairs.get(scope.symbol) if state.isolated is not None else None
    after = pair_told(pair, told) if pair is not None else None
    if after is None or after is pair:
        left = picture.pairs
        if scope.symbol in left:
            left = {symbol: other for symbol, other in left.items() if symbol != scope.symbol}
        return replace(picture, told=known, pairs=left)
    if after == picture.pairs.get(scope.symbol):
        return replace(picture, told=known)
    return replace(picture, told=known, pairs={**picture.pairs, scope.symbol: after})


_NOTHING: Mapping[str, Balance] = {}


def balances_of(state: AccountState, scope: Scope) -> tuple[Balance, ...]:
    """What is held and owed in one scope, as far as it is known."""
    if not scope.symbol:
        return tuple(cross_balances(state).values())
    pair = pair_now(state, scope.symbol)
    return (pair.base, pair.quote) if pair is not None else ()
