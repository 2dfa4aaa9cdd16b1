"""Prices of one account and everything computed from them: history, index bases, value of the cross balances."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.margin.usdt_prices import NO_BASIS
from monitor.core.model.account import Balance, CrossSnapshot, IsolatedSnapshot, Price
from monitor.core.state.index_basis import IndexReading, match_index, pair_prices_at_answer, update_bases
from monitor.core.state.peg_history import PegHistory
from monitor.core.state.scope_value import (
    NO_ASSETS,
    PriceSnapshot,
    ScopeValue,
    cross_prices_at_answer,
    is_off,
    revalue,
    value_scope,
)

PRICE_HISTORY = timedelta(minutes=5)
"""How far back prices are kept, for `margin_level_change_5m`."""

PRICE_HISTORY_STEP = timedelta(seconds=5)

MAX_PRICE_AGE = timedelta(hours=1)
"""A price that was not renewed for this long is dropped; needed prices are read far more often."""


PRICE_REPORT_DELAY = timedelta(seconds=1)
"""Maximum delay between a price and its report: the stream reports each symbol once a second."""

INDEX_RETRY = timedelta(seconds=30)
"""Minimum time between reads of an index price that was never matched with a spot price of its moment."""


@dataclass(frozen=True, slots=True)
class SnapshotPrices:
    """Prices known when a snapshot arrived: own and polled level are compared at these."""

    prices: Mapping[str, Price] = field(default_factory=dict)
    newest_at: datetime | None = None
    """Time of the newest of `prices`; None without prices."""
    bases: Mapping[str, Decimal] = field(default_factory=lambda: NO_BASIS)
    """Index price over spot price by symbol, as known then; valid until the next read."""
    value: ScopeValue | None = field(default=None, repr=False, compare=False)
    """Value of the snapshot's balances at `prices`; None: not computed."""

    def __post_init__(self) -> None:
        if self.newest_at is None:
            object.__setattr__(self, "newest_at", newest_time(self.prices))

    def value_balances(self, balances: Mapping[str, Balance]) -> ScopeValue:
        """Return the value of the snapshot's balances."""
        kept = self.value
        if kept is not None and kept.was_computed_from(balances, self.prices, NO_ASSETS, self.bases):
            return kept
        return value_scope(balances, self.prices, bases=self.bases)


@dataclass(frozen=True)
class PriceState:
    """Prices of one account, the one owner of all that depends on prices alone. Its methods return the next state.

    Without slots: prices arrive up to a thousand times a second, and copying one mapping is the cheapest way.
    """

    newest: Mapping[str, Price] = field(default_factory=dict)
    """The newest price of each symbol."""
    newest_at: datetime | None = None
    """Time of the newest of `newest`; None without prices."""
    history: tuple[PriceSnapshot, ...] = ()
    at_cross: SnapshotPrices = field(default_factory=SnapshotPrices)
    """Prices known when the cross account was read last."""
    at_isolated: SnapshotPrices = field(default_factory=SnapshotPrices)
    """Prices known when the isolated pairs were read last."""
    cross_value: ScopeValue | None = field(default=None, repr=False, compare=False)
    """Value of the live cross balances at `newest`; valid while `ScopeValue.was_computed_from` holds."""
    index_readings: Mapping[str, IndexReading] = field(default_factory=dict)
    """Last margin index price of each symbol, with the spot price of its moment."""
    index_basis: Mapping[str, Decimal] = field(default_factory=lambda: NO_BASIS)
    """Index price over the spot price of the same moment by symbol, to eight decimals."""
    index_requested_at: datetime | None = None
    """Time of the last extra request of index prices: for the first comparison, and for unmatched ones."""
    peg_history: Mapping[str, PegHistory] = field(default_factory=dict)
    """Price ratios of the last week, of pegged assets that are held or owed."""

    def __post_init__(self) -> None:
        if self.newest_at is None:
            object.__setattr__(self, "newest_at", newest_time(self.newest))

    def current_value(self, balances: Mapping[str, Balance], excluded: frozenset[str]) -> ScopeValue:
        """Return the value of the live cross balances at the newest prices, without the assets in `excluded`."""
        kept, bases = self.cross_value, self.at_cross.bases
        if kept is not None and kept.was_computed_from(balances, self.newest, excluded, bases):
            return kept
        return value_scope(balances, self.newest, excluded, bases)

    def with_prices(
        self,
        prices: Mapping[str, Price],
        cross: CrossSnapshot | None,
        isolated: IsolatedSnapshot | None,
        balances: Mapping[str, Balance],
        now: datetime,
    ) -> "PriceState":
        """Return the state with the prices that are newer than the known ones; `self` when none is.

        `cross` and `isolated` are the last snapshots, `balances` the live cross balances.
        """
        known, last = self.newest, self.newest_at
        oldest: datetime | None = None
        newer: dict[str, Price] = {}
        for symbol, price in prices.items():
            was, at = known.get(symbol), price.at
            if now - at > MAX_PRICE_AGE:
                continue
            if was is None or at >= was.at:
                newer[symbol] = price
                if last is None or at > last:
                    last = at
                if oldest is None or at < oldest:
                    oldest = at
        if oldest is None:
            return self
        merged = {**known, **newer}
        history, has_forgotten = self.history, False
        if not history or now - history[-1].at >= PRICE_HISTORY_STEP:
            living = {s: p for s, p in merged.items() if now - p.at <= MAX_PRICE_AGE}
            has_forgotten = len(living) != len(merged)
            merged = living
            # The newest entry from before the five minutes stays: it has the prices of their beginning.
            started = max((then.at for then in history if then.at <= now - PRICE_HISTORY), default=None)
            kept = (then for then in history if started is None or then.at >= started)
            history = (*kept, PriceSnapshot(now, merged))
        after = object.__new__(PriceState)
        fields = self.__dict__.copy()
        fields["newest"], fields["newest_at"], fields["history"] = merged, last, history
        fields["cross_value"] = (
            None if has_forgotten or cross is None else self._revalue(cross, balances, merged, newer)
        )
        object.__setattr__(after, "__dict__", fields)
        if self.index_readings:
            after = after._with_index_reports(newer)
        if cross is not None and oldest <= _latest_price_time(cross):
            after = after._backdated_to_cross(cross, balances, newer)
        if isolated is not None and oldest <= _latest_price_time(isolated):
            after = after._backdated_to_isolated(isolated, newer)
        return after

    def value_snapshot(self, balances: Mapping[str, Balance]) -> ScopeValue:
        """Return the value of the balances of a snapshot that has just come."""
        return value_scope(balances, self.newest, bases=self.index_basis)

    def with_cross_snapshot(
        self, snapshot: CrossSnapshot, value: ScopeValue, before: Mapping[str, Price]
    ) -> "PriceState":
        """Return the state after a read of the cross account; `value` is that of `value_snapshot`.

        `before` are the newest prices at the time of the request.
        """
        prices = cross_prices_at_answer(snapshot, value, before, self.index_basis)
        at = (
            SnapshotPrices(self.newest, self.newest_at, self.index_basis, value)
            if prices is None
            else SnapshotPrices(prices, self.newest_at, self.index_basis)
        )
        return replace(self, at_cross=at, cross_value=value._replace(excluded=value.unpriced, unpriced=frozenset()))

    def with_isolated_snapshot(
        self, snapshot: IsolatedSnapshot, last: IsolatedSnapshot | None, before: Mapping[str, Price]
    ) -> "PriceState":
        """Return the state after a read of the isolated pairs; `last` is the read before it.

        `before` are the newest prices at the time of the request.
        """
        pairs = last.pairs if last is not None else {}
        other = pair_prices_at_answer(snapshot, pairs, self.at_isolated.prices, before, self.newest)
        return replace(
            self, at_isolated=SnapshotPrices({**self.newest, **other} if other else self.newest, self.newest_at)
        )

    def with_index(self, symbol: str, index: Price) -> "PriceState":
        """Return the state after a read of the margin index price."""
        last = self.index_readings.get(symbol)
        # The basis of an open reading may turn out to mix two moments, so it is no fallback.
        sure = last.fallback_basis if last is not None and last.is_open else self.index_basis.get(symbol)
        return self._with_index_readings({symbol: match_index(index, self.newest.get(symbol), sure)})

    def with_first_index_request(self, now: datetime) -> "PriceState":
        """Return the state with a request of index prices for the first comparison; `self` if one was made."""
        if not self.newest or self.index_requested_at is not None:
            return self
        return replace(self, index_requested_at=now)

    def with_index_retry(self, now: datetime) -> "PriceState":
        """Return the state with a request for the index prices that matched nothing; `self` if there are none."""
        requested = self.index_requested_at
        if requested is not None and now - requested < INDEX_RETRY:
            return self
        if not any(reading.should_retry for reading in self.index_readings.values()):
            return self
        return replace(self, index_requested_at=now)

    def _with_index_readings(self, readings: Mapping[str, IndexReading]) -> "PriceState":
        indexes = {**self.index_readings, **readings}
        return replace(self, index_readings=indexes, index_basis=update_bases(self.index_basis, readings))

    def _with_index_reports(self, newer: Mapping[str, Price]) -> "PriceState":
        """Return the state after price reports near the time of an index price; `self` if there are none."""
        indexes = self.index_readings
        readings = {
            symbol: reading.with_report(price)
            for symbol, price in newer.items()
            if (reading := indexes.get(symbol)) is not None and reading.is_open
        }
        if not readings:
            return self
        after = self._with_index_readings(readings)
        if after.index_basis is self.index_basis:
            return after
        # Bases of the last snapshot that come from the same index readings change with them.
        was = self.at_cross.bases
        bases = update_bases(was, {s: r for s, r in readings.items() if s in was and was[s] == indexes[s].basis})
        return replace(after, at_cross=replace(self.at_cross, bases=bases, value=None), cross_value=None)

    def _backdated_to_cross(
        self, snapshot: CrossSnapshot, balances: Mapping[str, Balance], newer: Mapping[str, Price]
    ) -> "PriceState":
        """Return the state with late prices dated back to the snapshot whose answer already contains them.

        The exchange dates a price when it reports it, up to a second after the price came about. A price dated during
        the request, or up to a second after it, may be in the answer or not: it is, if the answer disagrees without it
        and agrees with it.
        """
        late = _until(newer, _latest_price_time(snapshot))
        before = self.at_cross.value_balances(snapshot.balances)
        prices, bases = {**self.at_cross.prices, **late}, self.at_cross.bases
        value = value_scope(snapshot.balances, prices, bases=bases)
        if _until(newer, snapshot.as_of) != late and not _is_closer(snapshot.margin_level, value.level, before.level):
            return self
        return replace(
            self,
            at_cross=SnapshotPrices(prices, newest_time(prices), bases, value),
            cross_value=value_scope(balances, self.newest, value.unpriced, bases),
        )

    def _backdated_to_isolated(self, snapshot: IsolatedSnapshot, newer: Mapping[str, Price]) -> "PriceState":
        """Return the state with late prices dated back to the snapshot of the pairs that already contains them."""
        known = self.at_isolated.prices
        late = {
            symbol: price
            for symbol, price in _until(newer, _latest_price_time(snapshot)).items()
            if price.at <= snapshot.as_of or _is_in_answer(snapshot, symbol, price, known)
        }
        return replace(self, at_isolated=SnapshotPrices({**known, **late}))

    def _revalue(
        self,
        snapshot: CrossSnapshot,
        balances: Mapping[str, Balance],
        prices: Mapping[str, Price],
        changed: Mapping[str, Price],
    ) -> ScopeValue:
        """Return the value of the live cross balances at `prices`: updated if possible, else recomputed."""
        value = self.cross_value
        if value is not None and value.balances is balances and value.prices is self.newest:
            return revalue(value, prices, changed)
        then = self.at_cross.value_balances(snapshot.balances)
        return value_scope(balances, prices, then.unpriced, self.at_cross.bases)


def newest_time(prices: Mapping[str, Price]) -> datetime | None:
    """Return the time of the newest of the prices; None without prices."""
    return max([price.at for price in prices.values()], default=None)


def _latest_price_time(snapshot: CrossSnapshot | IsolatedSnapshot) -> datetime:
    """Return the latest date of a price that may be in the exchange's answer."""
    return (snapshot.answered_at or snapshot.as_of) + PRICE_REPORT_DELAY


def _until(prices: Mapping[str, Price], at: datetime) -> Mapping[str, Price]:
    return {symbol: price for symbol, price in prices.items() if price.at <= at}


def _is_closer(reported: Decimal, value: Decimal, alternative: Decimal) -> bool:
    """Return whether `value` is nearer to the reported one, from which `alternative` is too far away to match."""
    return value.is_finite() and is_off(reported, alternative) and abs(value - reported) < abs(alternative - reported)


def _is_in_answer(pairs: IsolatedSnapshot, symbol: str, price: Price, known: Mapping[str, Price]) -> bool:
    """Return whether the reported index price of the pair is nearer to `price` than to the last known price."""
    pair, before = pairs.pairs.get(symbol), known.get(symbol)
    return pair is not None and (before is None or _is_closer(pair.index_price, price.value, before.value))
