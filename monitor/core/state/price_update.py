"""The next state after new prices: newest price of each symbol, price history, cross value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from monitor.core.model.account import CrossSnapshot, IsolatedSnapshot, Price
from monitor.core.state.index_basis import update_bases
from monitor.core.state.live_balances import live_cross_balances
from monitor.core.state.reference_state import with_index_readings
from monitor.core.state.scope_value import PriceSnapshot, ScopeValue, revalue, value_scope

if TYPE_CHECKING:
    from monitor.core.state.account_state import AccountState

PRICE_HISTORY = timedelta(minutes=5)
"""How far back prices are kept, for `margin_level_change_5m`."""

PRICE_HISTORY_STEP = timedelta(seconds=5)

MAX_PRICE_AGE = timedelta(hours=1)
"""A price that was not renewed for this long is dropped; needed prices are read far more often."""


PRICE_REPORT_DELAY = timedelta(seconds=1)
"""Maximum delay between a price and its report: the stream reports each symbol once a second."""

MATCH_TOLERANCE = Decimal("0.01")
"""Maximum difference between our own valuation and the exchange's at which the two count as equal."""


def apply_prices(state: AccountState, prices: Mapping[str, Price], now: datetime) -> AccountState:
    """Return the state with the prices that are newer than the known ones; `state` itself when none is."""
    known = state.prices
    newer: dict[str, Price] = {}
    last = (
        state.newest_price_at if state.newest_price_at is not None or not known else max(p.at for p in known.values())
    )
    for symbol, price in prices.items():
        was, at = known.get(symbol), price.at
        if now - at > MAX_PRICE_AGE:
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
        living = {s: p for s, p in merged.items() if now - p.at <= MAX_PRICE_AGE}
        has_forgotten = len(living) != len(merged)
        merged = living
        # The newest entry from before the five minutes stays: it has the prices of their beginning.
        started = max((then.at for then in history if then.at <= now - PRICE_HISTORY), default=None)
        kept = (then for then in history if started is None or then.at >= started)
        history = (*kept, PriceSnapshot(now, merged))
    changed = type(state).__new__(type(state))
    fields = state.__dict__.copy()
    fields["prices"], fields["newest_price_at"], fields["price_history"] = merged, last, history
    fields["cross_value"] = None if has_forgotten else _revalue(state, merged, newer)
    object.__setattr__(changed, "__dict__", fields)
    if state.reference.index_readings:
        changed = _with_index_reports(changed, newer)
    oldest = min([price.at for price in newer.values()])
    if (state.cross is not None and oldest <= _latest_price_time(state.cross)) or (
        state.isolated is not None and oldest <= _latest_price_time(state.isolated)
    ):
        return _backdate_to_snapshot(changed, newer)
    return changed


def _with_index_reports(state: AccountState, newer: Mapping[str, Price]) -> AccountState:
    """Return the state after price reports near the time of an index price; `state` itself if there are none."""
    indexes = state.reference.index_readings
    readings = {
        symbol: reading.with_report(price)
        for symbol, price in newer.items()
        if (reading := indexes.get(symbol)) is not None and reading.is_open
    }
    if not readings:
        return state
    reference = with_index_readings(state.reference, readings)
    if reference.index_basis is state.reference.index_basis:
        return replace(state, reference=reference)
    # Bases of the last snapshot that come from the same index readings change with them.
    was = state.cross_basis_at_snapshot
    known = update_bases(was, {s: r for s, r in readings.items() if s in was and was[s] == indexes[s].basis})
    return replace(
        state, reference=reference, cross_basis_at_snapshot=known, cross_value_at_snapshot=None, cross_value=None
    )


def _backdate_to_snapshot(state: AccountState, newer: Mapping[str, Price]) -> AccountState:
    """Return the state with late prices dated back to the snapshot whose answer already contains them.

    The exchange dates a price when it reports it, up to a second after the price came about. A price dated during the
    request, or up to a second after it, may be in the answer or not: it is, if the answer disagrees without it and
    agrees with it.
    """
    if (snapshot := state.cross) is not None and (late := _until(newer, _latest_price_time(snapshot))):
        before = state.cross_value_at_snapshot or value_scope(
            snapshot.balances, state.cross_prices_at_snapshot, bases=state.cross_basis_at_snapshot
        )
        prices = {**state.cross_prices_at_snapshot, **late}
        then = value_scope(snapshot.balances, prices, bases=state.cross_basis_at_snapshot)
        if _until(newer, snapshot.as_of) == late or _is_closer(snapshot.margin_level, then.level, before.level):
            now = value_scope(live_cross_balances(state), state.prices, then.unpriced, state.cross_basis_at_snapshot)
            at = max(price.at for price in prices.values())
            state = replace(
                state,
                cross_prices_at_snapshot=prices,
                newest_cross_price_at=at,
                cross_value_at_snapshot=then,
                cross_value=now,
            )
    if (pairs := state.isolated) is not None and (late := _until(newer, _latest_price_time(pairs))):
        known = state.isolated_prices_at_snapshot
        prices = {
            **known,
            **{s: p for s, p in late.items() if p.at <= pairs.as_of or _is_in_answer(pairs, s, p, known)},
        }
        newest = max((price.at for price in prices.values()), default=None)
        state = replace(state, isolated_prices_at_snapshot=prices, newest_isolated_price_at=newest)
    return state


def _latest_price_time(snapshot: CrossSnapshot | IsolatedSnapshot) -> datetime:
    """Return the latest date of a price that may be in the exchange's answer."""
    return (snapshot.answered_at or snapshot.as_of) + PRICE_REPORT_DELAY


def _until(prices: Mapping[str, Price], at: datetime) -> Mapping[str, Price]:
    return {symbol: price for symbol, price in prices.items() if price.at <= at}


def _is_closer(reported: Decimal, value: Decimal, alternative: Decimal) -> bool:
    """Return whether `value` is nearer to the reported one, from which `alternative` is too far away to match."""
    if not (reported.is_finite() and value.is_finite() and alternative.is_finite()):
        return False
    return abs(alternative - reported) > MATCH_TOLERANCE * abs(reported) and abs(value - reported) < abs(
        alternative - reported
    )


def _is_in_answer(pairs: IsolatedSnapshot, symbol: str, price: Price, known: Mapping[str, Price]) -> bool:
    """Return whether the reported index price of the pair is nearer to `price` than to the last known price."""
    pair, before = pairs.pairs.get(symbol), known.get(symbol)
    return pair is not None and (before is None or _is_closer(pair.index_price, price.value, before.value))


def _revalue(state: AccountState, prices: Mapping[str, Price], changed: Mapping[str, Price]) -> ScopeValue | None:
    """Return the value of cross at `prices`: updated if possible, else recomputed."""
    value, snapshot = state.cross_value, state.cross
    if snapshot is None:
        return None
    balances = live_cross_balances(state)
    if value is not None and value.balances is balances and value.prices is state.prices:
        return revalue(value, prices, changed)
    then = state.cross_value_at_snapshot or value_scope(
        snapshot.balances, state.cross_prices_at_snapshot, bases=state.cross_basis_at_snapshot
    )
    return value_scope(balances, prices, then.unpriced, state.cross_basis_at_snapshot)
