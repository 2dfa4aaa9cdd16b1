"""Price context of a measurement: price freshness, prices five minutes ago, drift from the exchange."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.levels import Position, Totals
from monitor.core.margin.usdt_prices import NO_BASIS, usdt_price
from monitor.core.model.account import Balance, Price
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.price_state import PRICE_HISTORY
from monitor.core.state.scope_value import PriceSnapshot

__all__ = [
    "PastPrices",
    "PriceContext",
    "build_price_context",
    "drift",
    "is_fresh",
    "usdt_price",
    "value_positions",
]

_MICROSECOND = timedelta(microseconds=1)

MAX_CLOCK_AHEAD = timedelta(seconds=10)
"""Maximum time by which an exchange timestamp may lie in the future.

The exchange's time is known to half of a round trip.
"""


class PastPrices(NamedTuple):
    """Prices at a moment between two entries of the price history, interpolated linearly.

    Without interpolation the five minutes would be longer by up to the distance of two entries, and a metric over them
    would be a sawtooth of that size.
    """

    earlier: PriceSnapshot
    later: PriceSnapshot | None
    fraction: Decimal

    def price(self, symbol: str) -> Decimal | None:
        """Return the price of one symbol; None if it was unknown."""
        before = self.earlier.prices.get(symbol)
        after = self.later.prices.get(symbol) if self.later is not None else None
        if before is None or after is None:
            return before.value if before is not None else None
        return before.value + (after.value - before.value) * self.fraction

    def totals(
        self, balances: Mapping[str, Balance], excluded: frozenset[str], bases: Mapping[str, Decimal] = NO_BASIS
    ) -> Totals | None:
        """Return the value of the balances; None if one of them had no price."""
        before = self.earlier.value_balances(balances, excluded, bases)
        if before.unpriced:
            return None
        after = self.later.value_balances(balances, excluded, bases) if self.later is not None else before
        if after.unpriced:
            return before.totals
        return Totals(
            before.assets + (after.assets - before.assets) * self.fraction,
            before.liabilities + (after.liabilities - before.liabilities) * self.fraction,
        )


class PriceContext(NamedTuple):
    """Prices and their freshness at one moment.

    `is_fresh`: the metrics may be revalued at the prices. `cross_comparable`, `isolated_comparable`: prices were fresh
    when that snapshot came, so that own and polled level compare.
    """

    state: AccountState
    settings: AccountSettings
    now: datetime
    is_fresh: bool

    @property
    def prices(self) -> Mapping[str, Price]:
        return self.state.prices.newest

    @property
    def cross_comparable(self) -> bool:
        snapshot, at = self.state.cross, self.state.prices.at_cross.newest_at
        return snapshot is not None and is_fresh(at, snapshot.received_at, self.settings.prices_stale_after)

    @property
    def isolated_comparable(self) -> bool:
        snapshot, at = self.state.isolated, self.state.prices.at_isolated.newest_at
        return snapshot is not None and is_fresh(at, snapshot.received_at, self.settings.prices_stale_after)

    def five_minutes_ago(self) -> PastPrices | None:
        """Return the prices five minutes ago; None if prices were stale then, so that they are unknown."""
        history, start = self.state.prices.history, self.now - PRICE_HISTORY
        # The history keeps little from before the five minutes, so their beginning is found fast from its start.
        following = 0
        while following < len(history) and history[following].at <= start:
            following += 1
        return _interpolate(history, following, start, self.settings.prices_stale_after)


def build_price_context(state: AccountState, settings: AccountSettings, now: datetime) -> PriceContext:
    """Return the price context at `now`."""
    return PriceContext(state, settings, now, is_fresh(state.prices.newest_at, now, settings.prices_stale_after))


def value_positions(balances: Iterable[Balance], prices: Mapping[str, Price]) -> dict[str, Position]:
    """Return every balance that has a price, by asset."""
    found: dict[str, Position] = {}
    for balance in balances:
        price = usdt_price(balance.asset, prices)
        if price is not None:
            found[balance.asset] = Position(balance.asset, balance.held, balance.owed, price)
    return found


def drift(polled: Decimal, own: Totals) -> Decimal | None:
    """Return the difference between our own level and the exchange's, as a fraction of the latter.

    None if they do not compare.
    """
    if own.liabilities <= ZERO or own.assets <= ZERO or not polled.is_finite() or polled <= ZERO:
        return None
    return abs(own.level / polled - ONE)


def is_fresh(at: datetime | None, now: datetime, max_age: timedelta) -> bool:
    """Return whether `at` is at most `max_age` before `now`.

    The age of a time too far in the future is unknown: then False.
    """
    return at is not None and -MAX_CLOCK_AHEAD <= now - at <= max_age


def _interpolate(
    history: tuple[PriceSnapshot, ...], following: int, moment: datetime, bound: timedelta
) -> PastPrices | None:
    """Return the prices at `moment`, which lies right before the entry `following`."""
    last = history[following - 1] if following else None
    if last is None or last.at < moment - bound:
        return None
    after = history[following] if following < len(history) else None
    if last.at == moment or after is None or after.at - last.at > bound:
        return PastPrices(last, None, ZERO)
    part = Decimal((moment - last.at) // _MICROSECOND) / ((after.at - last.at) // _MICROSECOND)
    return PastPrices(last, after, part)
