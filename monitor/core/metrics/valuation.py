"""When prices may be believed, and how our own valuation compares with the exchange's."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.levels import Position, Totals
from monitor.core.margin.usdt_prices import AT_SPOT, price_of
from monitor.core.model.account import Balance, CrossSnapshot, Price
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply_prices import PRICE_HISTORY
from monitor.core.state.live_balances import cross_balances
from monitor.core.state.scope_value import NOTHING, Book, PricesThen, book_of

__all__ = [
    "Market",
    "Past",
    "book_now",
    "book_then",
    "drift",
    "is_fresh",
    "market_at",
    "newest",
    "newest_at",
    "positions",
    "price_of",
]

_MICROSECOND = timedelta(microseconds=1)

AHEAD = timedelta(seconds=10)
"""By so much a stamp of the exchange's may lie in the future: its time is known to half of a round trip."""


class Past(NamedTuple):
    """The prices at a moment between two notes of them, on the straight line.

    Without it the five minutes would be up to a note longer, and what is measured over them a saw of that size.
    """

    last: PricesThen
    following: PricesThen | None
    part: Decimal

    def price(self, symbol: str) -> Decimal | None:
        """The price of one symbol; None when it was not known."""
        before = self.last.prices.get(symbol)
        after = self.following.prices.get(symbol) if self.following is not None else None
        if before is None or after is None:
            return before.value if before is not None else None
        return before.value + (after.value - before.value) * self.part

    def totals(
        self, balances: Mapping[str, Balance], leaving_out: frozenset[str], bases: Mapping[str, Decimal] = AT_SPOT
    ) -> Totals | None:
        """What the balances were worth; None when one of them had no price."""
        before = self.last.book(balances, leaving_out, bases)
        if before.unpriced:
            return None
        after = self.following.book(balances, leaving_out, bases) if self.following is not None else before
        if after.unpriced:
            return before.totals
        return Totals(
            before.assets + (after.assets - before.assets) * self.part,
            before.liabilities + (after.liabilities - before.liabilities) * self.part,
        )


class Market(NamedTuple):
    """The prices as they may be believed at one moment.

    `is_fresh`: the figures may be revalued at them. `cross_then`, `isolated_then`: whether prices were fresh when that
    snapshot came, so that the two compare.
    """

    state: AccountState
    settings: Settings
    now: datetime
    is_fresh: bool

    @property
    def prices(self) -> Mapping[str, Price]:
        return self.state.prices

    @property
    def cross_then(self) -> bool:
        state, snapshot = self.state, self.state.cross
        at = newest(state.cross_prices) if state.cross_priced_at is None else state.cross_priced_at
        return snapshot is not None and is_fresh(at, snapshot.received_at, self.settings.prices_stale_after)

    @property
    def isolated_then(self) -> bool:
        state, snapshot = self.state, self.state.isolated
        at = newest(state.isolated_prices) if state.isolated_priced_at is None else state.isolated_priced_at
        return snapshot is not None and is_fresh(at, snapshot.received_at, self.settings.prices_stale_after)

    def before(self) -> Past | None:
        """The prices five minutes ago, unless none came for too long then: what they were is not known."""
        history, start = self.state.price_history, self.now - PRICE_HISTORY
        # Little is kept from before the five minutes: their beginning is found at once from there.
        following = 0
        while following < len(history) and history[following].at <= start:
            following += 1
        return _between(history, following, start, self.settings.prices_stale_after)


def market_at(state: AccountState, settings: Settings, now: datetime) -> Market:
    """The prices as they may be believed `now`."""
    return Market(state, settings, now, is_fresh(newest_at(state), now, settings.prices_stale_after))


def newest_at(state: AccountState) -> datetime | None:
    """When the newest price that is known was true."""
    return newest(state.prices) if state.priced_at is None else state.priced_at


def book_then(state: AccountState, snapshot: CrossSnapshot) -> Book:
    """What the cross account was worth when it was read, at the prices known then."""
    kept = state.book_then
    if kept is not None and kept.is_of(snapshot.balances, state.cross_prices, NOTHING, state.cross_bases):
        return kept
    return book_of(snapshot.balances, state.cross_prices, bases=state.cross_bases)


def book_now(state: AccountState, leaving_out: frozenset[str]) -> Book:
    """What the cross account is worth now, at the newest prices, without the assets that are to be left out."""
    kept, balances = state.book, cross_balances(state)
    if kept is not None and kept.is_of(balances, state.prices, leaving_out, state.cross_bases):
        return kept
    return book_of(balances, state.prices, leaving_out, state.cross_bases)


def positions(balances: Iterable[Balance], prices: Mapping[str, Price]) -> dict[str, Position]:
    """Every balance that has a price, by asset."""
    found: dict[str, Position] = {}
    for balance in balances:
        price = price_of(balance.asset, prices)
        if price is not None:
            found[balance.asset] = Position(balance.asset, balance.held, balance.owed, price)
    return found


def drift(polled: Decimal, own: Totals) -> Decimal | None:
    """How far our own level is off the exchange's, as a fraction of the exchange's; None: they do not compare."""
    if own.liabilities <= ZERO or own.assets <= ZERO or not polled.is_finite() or polled <= ZERO:
        return None
    return abs(own.level / polled - ONE)


def newest(prices: Mapping[str, Price]) -> datetime | None:
    """When the newest of the prices was true."""
    return max([price.at for price in prices.values()], default=None)


def is_fresh(at: datetime | None, now: datetime, bound: timedelta) -> bool:
    """Whether `at` is at most `bound` before `now`. How old is what lies in the future nobody knows."""
    return at is not None and -AHEAD <= now - at <= bound


def _between(history: tuple[PricesThen, ...], following: int, moment: datetime, bound: timedelta) -> Past | None:
    """The prices at `moment`, which lies right before the note `following`."""
    last = history[following - 1] if following else None
    if last is None or last.at < moment - bound:
        return None
    after = history[following] if following < len(history) else None
    if last.at == moment or after is None or after.at - last.at > bound:
        return Past(last, None, ZERO)
    part = Decimal((moment - last.at) // _MICROSECOND) / ((after.at - last.at) // _MICROSECOND)
    return Past(last, after, part)
