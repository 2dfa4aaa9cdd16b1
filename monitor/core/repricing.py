"""How prices change what is known: the newest of each symbol, what they were, and what cross is worth at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.core.account import Price
from monitor.core.books import Book, PricesThen, book_of, repriced
from monitor.core.picture import cross_balances

if TYPE_CHECKING:
    from monitor.core.state import AccountState

PRICE_HISTORY = timedelta(minutes=5)
"""How far back prices are kept for `margin_level_change_5m`."""

PRICE_HISTORY_STEP = timedelta(seconds=5)

PRICE_LIFE = timedelta(hours=1)
"""A price that was not renewed for this long is forgotten; what is needed is read far more often."""


def priced(state: AccountState, prices: Mapping[str, Price], now: datetime) -> AccountState:
    """The state with the prices that are newer than the known ones; itself when none is."""
    known = state.prices
    newer: dict[str, Price] = {}
    last = state.priced_at if state.priced_at is not None or not known else max(p.at for p in known.values())
    for symbol, price in prices.items():
        was, at = known.get(symbol), price.at
        if was is None or at >= was.at:
            newer[symbol] = price
            if last is None or at > last:
                last = at
    if not newer:
        return state
    merged = {**known, **newer}
    history = state.price_history
    if not history or now - history[-1].at >= PRICE_HISTORY_STEP:
        merged = {s: p for s, p in merged.items() if now - p.at <= PRICE_LIFE}
        # The newest entry from before the five minutes stays: it tells what the prices were when they began.
        started = max((then.at for then in history if then.at <= now - PRICE_HISTORY), default=None)
        kept = (then for then in history if started is None or then.at >= started)
        history = (*kept, PricesThen(now, merged))
    changed = type(state).__new__(type(state))
    fields = state.__dict__.copy()
    fields["prices"], fields["priced_at"], fields["price_history"] = merged, last, history
    fields["book"] = _moved_on(state, merged, newer)
    object.__setattr__(changed, "__dict__", fields)
    oldest = min([price.at for price in newer.values()])
    if (state.cross is not None and oldest <= state.cross.as_of) or (
        state.isolated is not None and oldest <= state.isolated.as_of
    ):
        return _known_then(changed, newer)
    return changed


def _known_then(state: AccountState, newer: Mapping[str, Price]) -> AccountState:
    """The state when those of the prices that were true at a read already, and only came after it, count as of then:
    what the exchange told has them in it."""
    if state.cross is not None and (late := _until(newer, state.cross.as_of)):
        prices = {**state.cross_prices, **late}
        then = book_of(state.cross.balances, prices, bases=state.cross_bases)
        now = book_of(cross_balances(state), state.prices, then.unpriced, state.cross_bases)
        at = max(price.at for price in prices.values())
        state = replace(state, cross_prices=prices, cross_priced_at=at, book_then=then, book=now)
    if state.isolated is not None and (late := _until(newer, state.isolated.as_of)):
        prices = {**state.isolated_prices, **late}
        at = max(price.at for price in prices.values())
        state = replace(state, isolated_prices=prices, isolated_priced_at=at)
    return state


def _until(prices: Mapping[str, Price], as_of: datetime) -> Mapping[str, Price]:
    return {symbol: price for symbol, price in prices.items() if price.at <= as_of}


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
