"""Past prices that are asked for next: one read at a time, what nothing is known of first, then the newest hours."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.core.margin.past_prices import ceil_hour, find_history_route, floor_hour
from monitor.core.model.price_history import HOUR, HourSpan, PriceRoute
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_scope_balances
from monitor.core.state.scopes import watched_scopes

SETTLING = timedelta(seconds=30)
"""Time after a full hour until its bar is asked for: the exchange may still write it."""

OVERLAP = HOUR
"""Time that a read of new hours begins before them: a bar that was stored too soon is found and replaced."""

LATE = HOUR * 2
"""Age from which on an hour without a bar is believed to have none."""


@dataclass(frozen=True, slots=True)
class BarProgress:
    """How far the bars of one symbol were read: every hour from `read_from` to before `read_until`.

    `first_bar` is the oldest bar that is stored, `listed_at` the first one of all where that is known.
    """

    symbol: str
    read_from: datetime | None = None
    read_until: datetime | None = None
    first_bar: datetime | None = None
    listed_at: datetime | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class BarRead:
    """One read of past prices: the bars of a symbol in `span`; None: its first bar of all."""

    symbol: str
    span: HourSpan | None


def wanted_routes(
    accounts: Iterable[tuple[AccountState, AccountSettings]], saved: Mapping[str, PriceRoute | None]
) -> dict[str, PriceRoute | None]:
    """Return the route of every asset that is held or owed in a watched scope of an account with prices.

    A saved route through pairs of the asset's own outlives them: a pair that is delisted has no price any more, but a
    past.
    """
    known = tuple((state, settings) for state, settings in accounts if state.prices.newest)
    symbols = frozenset(symbol for state, _ in known for symbol in state.prices.newest)
    found: dict[str, PriceRoute | None] = {}
    for state, settings in known:
        for asset in sorted(held_or_owed(state, settings)):
            route = find_history_route(asset, symbols, settings.stable_assets, settings.pegs)
            before = saved.get(asset)
            has_pair = route is not None and not route.peg
            had_pair = before is not None and before.pair and not before.peg
            found[asset] = before if had_pair and not has_pair else route
    return found


def held_or_owed(state: AccountState, settings: AccountSettings) -> frozenset[str]:
    """Return the assets that are held or owed in any watched scope."""
    return frozenset(
        balance.asset
        for scope in watched_scopes(state, settings)
        for balance in live_scope_balances(state, scope)
        if not balance.is_zero
    )


def next_bar_read(
    symbols: Collection[str],
    progress: Mapping[str, BarProgress],
    history: timedelta,
    now: datetime,
    max_hours: int,
) -> BarRead | None:
    """Return the next read of past prices; None while nothing is lacking.

    `history` is how far back bars are wanted, `max_hours` how many hours one read may have.
    """
    first, end = ceil_hour(now - history), floor_hour(now - SETTLING)
    known = [progress.get(symbol, BarProgress(symbol)) for symbol in symbols]
    for reads in (_unread, _new_hours, _listings, _past_hours):
        found = next(reads(known, HourSpan(first, end), HOUR * max_hours), None)
        if found is not None:
            return found
    return None


def settled_span(span: HourSpan, newest_bar: datetime | None, now: datetime) -> HourSpan:
    """Return the part of a span that counts as read: the newest hours only if they have a bar, or are past long ago."""
    after_bar = span.since if newest_bar is None else newest_bar + HOUR
    return HourSpan(span.since, min(span.until, max(after_bar, floor_hour(now - LATE), span.since)))


def _unread(known: Iterable[BarProgress], wanted: HourSpan, most: timedelta) -> Iterator[BarRead]:
    for one in known:
        if one.read_until is None and wanted.hours > 0:
            yield BarRead(one.symbol, HourSpan(max(wanted.since, wanted.until - most), wanted.until))


def _new_hours(known: Iterable[BarProgress], wanted: HourSpan, most: timedelta) -> Iterator[BarRead]:
    for one in known:
        if one.read_until is not None and one.read_from is not None and one.read_until < wanted.until:
            since = max(one.read_from, one.read_until - OVERLAP)
            yield BarRead(one.symbol, HourSpan(since, min(wanted.until, since + most)))


def _listings(known: Iterable[BarProgress], wanted: HourSpan, most: timedelta) -> Iterator[BarRead]:
    for one in known:
        lacks_start = one.first_bar is not None and one.read_from is not None and one.first_bar > one.read_from
        if lacks_start and one.listed_at is None:
            yield BarRead(one.symbol, None)


def _past_hours(known: Iterable[BarProgress], wanted: HourSpan, most: timedelta) -> Iterator[BarRead]:
    for one in known:
        if one.read_from is None or one.read_from <= wanted.since:
            continue
        if one.listed_at is None or one.listed_at < one.read_from:
            yield BarRead(one.symbol, HourSpan(max(wanted.since, one.read_from - most), one.read_from))
