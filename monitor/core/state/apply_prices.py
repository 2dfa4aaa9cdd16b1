"""How prices change what is known: the newest of each symbol, what they were, and what cross is worth at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from monitor.core.model.account import CrossSnapshot, IsolatedSnapshot, Price
from monitor.core.state.index_basis import bases_of
from monitor.core.state.live_balances import cross_balances
from monitor.core.state.reference_state import with_readings
from monitor.core.state.scope_value import Book, PricesThen, book_of, repriced

if TYPE_CHECKING:
    from monitor.core.state.account_state import AccountState

PRICE_HISTORY = timedelta(minutes=5)
"""How far back prices are kept for `margin_level_change_5m`."""

PRICE_HISTORY_STEP = timedelta(seconds=5)

PRICE_LIFE = timedelta(hours=1)
"""A price that was not renewed for this long is forgotten; what is needed is read far more often."""


TOLD_WITHIN = timedelta(seconds=1)
"""How long after it came about a price may be told: the stream tells of each symbol once a second."""

AGREES = Decimal("0.01")
"""What our own valuation may be off from the exchange's and still be the same."""


def priced(state: AccountState, prices: Mapping[str, Price], now: datetime) -> AccountState:
    """The state with the prices that are newer than the known ones; itself when none is."""
    known = state.prices
    newer: dict[str, Price] = {}
    last = state.priced_at if state.priced_at is not None or not known else max(p.at for p in known.values())
    for symbol, price in prices.items():
        was, at = known.get(symbol), price.at
        if now - at > PRICE_LIFE:
            continue
        if was is None or at >= was.at:
            newer[symbol] = price
            if last is None or at > last:
                last = at
    if not newer:
        return state
    merged = {**known, **newer}
    history, has_forgotten = state.price_history, False
    if not history or now - history[-1].at >= PRICE_HISTORY_STEP:
        living = {s: p for s, p in merged.items() if now - p.at <= PRICE_LIFE}
        has_forgotten = len(living) != len(merged)
        merged = living
        # The newest entry from before the five minutes stays: it tells what the prices were when they began.
        started = max((then.at for then in history if then.at <= now - PRICE_HISTORY), default=None)
        kept = (then for then in history if started is None or then.at >= started)
        history = (*kept, PricesThen(now, merged))
    changed = type(state).__new__(type(state))
    fields = state.__dict__.copy()
    fields["prices"], fields["priced_at"], fields["price_history"] = merged, last, history
    fields["book"] = None if has_forgotten else _moved_on(state, merged, newer)
    object.__setattr__(changed, "__dict__", fields)
    if state.followed.indexes:
        changed = _with_reports(changed, newer)
    oldest = min([price.at for price in newer.values()])
    if (state.cross is not None and oldest <= _latest(state.cross)) or (
        state.isolated is not None and oldest <= _latest(state.isolated)
    ):
        return _known_then(changed, newer)
    return changed


def _with_reports(state: AccountState, newer: Mapping[str, Price]) -> AccountState:
    """The state after reports that tell more about the moment of an index; itself where there is no such index."""
    indexes = state.followed.indexes
    readings = {
        symbol: reading.with_report(price)
        for symbol, price in newer.items()
        if (reading := indexes.get(symbol)) is not None and reading.is_open
    }
    if not readings:
        return state
    followed = with_readings(state.followed, readings)
    if followed.bases is state.followed.bases:
        return replace(state, followed=followed)
    # Those that the last read was compared with were of the same moment.
    was = state.cross_bases
    known = bases_of(was, {s: r for s, r in readings.items() if s in was and was[s] == indexes[s].basis})
    return replace(state, followed=followed, cross_bases=known, book_then=None, book=None)


def _known_then(state: AccountState, newer: Mapping[str, Price]) -> AccountState:
    """The state when those of the prices that were true at a read already, and only came after it, count as of then:
    what the exchange told has them in it.

    A price is dated when it is told, up to a second after it came about. What was dated while the exchange answered,
    or so soon after, may be in the answer or not: it is, where the answer does not agree without it and does with it.
    """
    if (snapshot := state.cross) is not None and (late := _until(newer, _latest(snapshot))):
        before = state.book_then or book_of(snapshot.balances, state.cross_prices, bases=state.cross_bases)
        prices = {**state.cross_prices, **late}
        then = book_of(snapshot.balances, prices, bases=state.cross_bases)
        if _until(newer, snapshot.as_of) == late or _is_closer(snapshot.margin_level, then.level, before.level):
            now = book_of(cross_balances(state), state.prices, then.unpriced, state.cross_bases)
            at = max(price.at for price in prices.values())
            state = replace(state, cross_prices=prices, cross_priced_at=at, book_then=then, book=now)
    if (pairs := state.isolated) is not None and (late := _until(newer, _latest(pairs))):
        known = state.isolated_prices
        prices = {**known, **{s: p for s, p in late.items() if p.at <= pairs.as_of or _is_in(pairs, s, p, known)}}
        newest = max((price.at for price in prices.values()), default=None)
        state = replace(state, isolated_prices=prices, isolated_priced_at=newest)
    return state


def _latest(snapshot: CrossSnapshot | IsolatedSnapshot) -> datetime:
    """Until when a price may be dated that is in what the exchange told."""
    return (snapshot.answered_at or snapshot.as_of) + TOLD_WITHIN


def _until(prices: Mapping[str, Price], at: datetime) -> Mapping[str, Price]:
    return {symbol: price for symbol, price in prices.items() if price.at <= at}


def _is_closer(told: Decimal, one: Decimal, other: Decimal) -> bool:
    """Whether `one` is nearer to what was told, from which `other` is too far away to be it."""
    if not (told.is_finite() and one.is_finite() and other.is_finite()):
        return False
    return abs(other - told) > AGREES * abs(told) and abs(one - told) < abs(other - told)


def _is_in(pairs: IsolatedSnapshot, symbol: str, price: Price, known: Mapping[str, Price]) -> bool:
    """Whether the index that the answer told of the pair is nearer to this price than to the one known before."""
    pair, before = pairs.pairs.get(symbol), known.get(symbol)
    return pair is not None and (before is None or _is_closer(pair.index_price, price.value, before.value))


def _moved_on(state: AccountState, prices: Mapping[str, Price], changed: Mapping[str, Price]) -> Book | None:
    """What cross is worth at `prices`: moved on where that can be, else worked out anew."""
    book, snapshot = state.book, state.cross
    if snapshot is None:
        return None
    balances = cross_balances(state)
    if book is not None and book.balances is balances and book.prices is state.prices:
        return repriced(book, prices, changed)
    then = state.book_then or book_of(snapshot.balances, state.cross_prices, bases=state.cross_bases)
    return book_of(balances, prices, then.unpriced, state.cross_bases)
