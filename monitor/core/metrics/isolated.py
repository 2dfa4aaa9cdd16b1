"""Metrics of an isolated pair, computed in its quote asset and shown in USDT if that has a price."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from monitor.core.margin.levels import Exposure, Totals, drop_to_level, isolated_level, rise_to_level
from monitor.core.margin.liquidation import liquidation_side
from monitor.core.metrics.delisting import time_to_delisting
from monitor.core.metrics.interest_rates import hourly_rate, seconds_to_liquidation
from monitor.core.metrics.odds import ScopeOdds
from monitor.core.metrics.scope_metrics import (
    UNAVAILABLE,
    ScopeLevel,
    is_stale,
    price_move_to,
    scope_metric_values,
    threshold_values,
    unread_metric_values,
    value_usdt,
)
from monitor.core.metrics.thresholds import pair_thresholds
from monitor.core.metrics.valuation import PriceContext, build_price_context, drift, usdt_price
from monitor.core.model.account import IsolatedPair, Scope
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import LazyMetrics, LiquidationSide, MetricValues, ValuedBalance
from monitor.core.model.odds import DAY, WEEK
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_pair


def measure_pair(
    state: AccountState,
    settings: AccountSettings,
    symbol: str,
    now: datetime,
    price_context: PriceContext | None = None,
) -> MetricValues:
    """Return one isolated pair's metrics. A given `price_context` is not computed again."""
    snapshot = state.isolated
    pair = live_pair(state, symbol)
    if snapshot is None or pair is None:
        return unread_metric_values("isolated", symbol)
    if not pair.created:
        return MetricValues("isolated", symbol, "not_created", snapshot.as_of, "poll", {}, {})
    price_context = price_context or build_price_context(state, settings, now)
    as_of = pair.as_of or snapshot.as_of
    view = _PairMetrics(state, settings, pair, snapshot.pairs[symbol], price_context, as_of)
    shown = LazyMetrics(_METRICS, view, view.thresholds)
    return scope_metric_values(
        "isolated", symbol, as_of, now, settings, view.level, shown, view.holdings, view.effective_thresholds
    )


class _PairMetrics:
    """Inputs of an isolated pair's metrics. Its inputs never change; costly figures are computed on first access."""

    __slots__ = (
        "_balances",
        "_exposure",
        "effective_thresholds",
        "index_price",
        "is_fresh",
        "level",
        "pair",
        "polled_pair",
        "price_context",
        "settings",
        "state",
        "thresholds",
    )

    def __init__(
        self,
        state: AccountState,
        settings: AccountSettings,
        pair: IsolatedPair,
        polled_pair: IsolatedPair,
        price_context: PriceContext,
        as_of: datetime,
    ) -> None:
        self.state = state
        self.settings = settings
        self.pair = pair
        self.polled_pair = polled_pair
        self.price_context = price_context
        self.is_fresh = price_context.is_fresh and not is_stale(as_of, settings, price_context.now)
        self.effective_thresholds = pair_thresholds(state, settings, pair, price_context.now)
        self.thresholds = threshold_values(self.effective_thresholds)
        self.index_price, self.level = self._index_and_level()
        self._exposure: Exposure | None = None
        self._balances: tuple[ValuedBalance, ...] | None = None

    def holdings(self) -> tuple[ValuedBalance, ...]:
        """Return both sides, valued; computed once."""
        if self._balances is None:
            self._balances = _valued_balances(self.state, self.pair)
        return self._balances

    def _index_and_level(self) -> tuple[Decimal, ScopeLevel]:
        """Return the margin index and the level: as read, moved as price and events moved since.

        A price that came after the read and then went stale is old, but newer than the read: if it makes the level
        worse, it counts until the next read.
        """
        spot = self.price_context.prices.get(self.pair.symbol)
        index, polled = self._moved_index(None if spot is None else spot.value), self.polled_pair.margin_level
        off = drift(polled, _own_totals(self.polled_pair, self.polled_pair.index_price)) if polled.is_finite() else None
        moved = None if index is None else self._moved_level(index, off)
        if index is not None and moved is not None and (self.is_fresh or moved < polled):
            return index, ScopeLevel(moved, self.is_fresh, off)
        if index is None or not self.is_fresh:
            index = self.pair.index_price
        return index, ScopeLevel(polled, False, off)

    def _moved_index(self, spot: Decimal | None) -> Decimal | None:
        """Return the expected margin index at the spot price `spot`: as read, moved as the spot price did since.

        None when it is unknown.
        """
        if spot is None or not self.price_context.isolated_comparable:
            return None
        if not self.pair.index_price:
            return spot
        then = self.state.prices.at_isolated.prices.get(self.pair.symbol)
        return None if then is None else self.pair.index_price * (spot / then.value)

    def _moved_level(self, index: Decimal, off: Decimal | None) -> Decimal | None:
        """Return the level at `index` after the events since the read; None if our own level was too far `off` then."""
        pair, read, polled = self.pair, self.polled_pair, self.polled_pair.margin_level
        if not polled.is_finite():
            # The first debt came after the read: the exchange has reported no finite level to start from.
            return _own_level(pair, index) if pair.base.owed or pair.quote.owed else None
        if off is None or off > self.settings.max_drift:
            return None
        if pair is read and index == read.index_price:
            return polled
        return polled * (_own_level(pair, index) / _own_level(read, read.index_price))

    def change_5m(self) -> MetricValue:
        """Return the change of the level in five minutes by prices alone."""
        level, pair = self.level, self.pair
        if not level.value.is_finite():
            return ZERO
        past = self.price_context.five_minutes_ago() if level.is_live else None
        before = self._moved_index(past.price(pair.symbol)) if past is not None else None
        if before is None:
            return UNAVAILABLE
        if not pair.margin_level.is_finite():
            return level.value - _own_level(pair, before)
        return level.value - pair.margin_level * (
            _own_level(pair, before) / _own_level(self.polled_pair, pair.index_price)
        )

    def exposure(self) -> Exposure | None:
        """Return the values held and owed, in the quote asset; None if the price of the held base asset is unknown."""
        if not self.index_price and self.pair.base.held:
            return None
        if self._exposure is None:
            self._exposure = _exposure(self.pair, self.index_price, self.settings)
        return self._exposure

    def price_move(self, reach: Callable[[Exposure, Decimal], Decimal], threshold: str) -> MetricValue:
        return price_move_to(reach, self.level.value, self.exposure(), self.thresholds[threshold])

    def value(self, select: Callable[[Totals], Decimal]) -> MetricValue:
        return value_usdt(select, self.exposure(), usdt_price(self.pair.quote.asset, self.price_context.prices))

    def interest_usdt(self) -> MetricValue:
        pair, quote_price = self.pair, usdt_price(self.pair.quote.asset, self.price_context.prices)
        if quote_price is None:
            return UNAVAILABLE
        return (pair.base.interest * self.index_price + pair.quote.interest) * quote_price

    @property
    def odds(self) -> ScopeOdds:
        now = self.price_context.now
        return ScopeOdds(self.state, self.settings, Scope(self.pair.symbol), self.level.value, now)

    def time_by_interest(self) -> MetricValue:
        base, quote = self.pair.base, self.pair.quote
        prices = {base.asset: self.index_price, quote.asset: ONE}
        threshold = self.thresholds["liquidation_level"]
        return seconds_to_liquidation(
            self.state,
            self.settings,
            self.pair.symbol,
            (base, quote),
            prices,
            self.level.value,
            threshold,
            self.price_context.now,
        )


_METRICS: Mapping[str, Callable[[_PairMetrics], MetricValue]] = MappingProxyType(
    {
        "margin_level": lambda view: view.level.value,
        "polled_margin_level": lambda view: view.pair.margin_level,
        "margin_level_change_5m": _PairMetrics.change_5m,
        "status": lambda view: UNAVAILABLE if view.pair.status is None else Decimal(int(view.pair.status)),
        "index_price": lambda view: view.index_price or UNAVAILABLE,
        "time_to_delist": lambda view: time_to_delisting(
            view.state, view.settings, "isolated", view.pair.symbol, view.price_context.now
        ),
        "liquidation_price": lambda view: INFINITE if (end := view.pair.liquidation_price) is None else end,
        "base_held": lambda view: view.pair.base.held,
        "quote_held": lambda view: view.pair.quote.held,
        "base_borrowed": lambda view: view.pair.base.borrowed,
        "quote_borrowed": lambda view: view.pair.quote.borrowed,
        "interest_usdt": _PairMetrics.interest_usdt,
        "initial_level": lambda view: view.thresholds["initial_level"],
        "margin_call_level": lambda view: view.thresholds["margin_call_level"],
        "liquidation_level": lambda view: view.thresholds["liquidation_level"],
        "assets_usdt": lambda view: view.value(lambda sums: sums.assets),
        "liabilities_usdt": lambda view: view.value(lambda sums: sums.liabilities),
        "equity_usdt": lambda view: view.value(lambda sums: sums.equity),
        "drop_to_liquidation": lambda view: view.price_move(drop_to_level, "liquidation_level"),
        "rise_to_liquidation": lambda view: view.price_move(rise_to_level, "liquidation_level"),
        "drop_to_margin_call": lambda view: view.price_move(drop_to_level, "margin_call_level"),
        "distance_to_liquidation": lambda view: _distance(
            view.pair, view.index_price, view.level.value, view.thresholds["liquidation_level"]
        ),
        "time_to_liquidation_by_interest": _PairMetrics.time_by_interest,
        "liquidation_odds_1d": lambda view: view.odds.share(DAY),
        "liquidation_odds_7d": lambda view: view.odds.share(WEEK),
        "worst_level_1d": lambda view: view.odds.worst_level(DAY),
    }
)


def _own_totals(pair: IsolatedPair, index: Decimal) -> Totals:
    base, quote = pair.base, pair.quote
    return Totals(base.held * index + quote.held, base.owed * index + quote.owed)


def _own_level(pair: IsolatedPair, index: Decimal) -> Decimal:
    base, quote = pair.base, pair.quote
    return isolated_level(
        base_held=base.held, base_owed=base.owed, quote_held=quote.held, quote_owed=quote.owed, price=index
    )


def _exposure(pair: IsolatedPair, index: Decimal, settings: AccountSettings) -> Exposure:
    """Return both sides in the quote asset. Assets are stable in USDT: in a pair of two other assets none is stable."""
    base, quote = pair.base, pair.quote
    stable_assets = stable_liabilities = volatile_assets = volatile_liabilities = ZERO
    for side, price in ((base, index), (quote, ONE)):
        if side.asset in settings.stable_assets:
            stable_assets += side.held * price
            stable_liabilities += side.owed * price
        else:
            volatile_assets += side.held * price
            volatile_liabilities += side.owed * price
    return Exposure(stable_assets, stable_liabilities, volatile_assets, volatile_liabilities)


def _distance(pair: IsolatedPair, index: Decimal, level: Decimal, liquidation: MetricValue) -> Decimal:
    """Return the distance from the index to the exchange's own liquidation price; zero once it is reached."""
    if not level.is_finite():
        return INFINITE
    if isinstance(liquidation, Decimal) and level <= liquidation:
        return ZERO
    price = pair.liquidation_price
    if price is None or index <= ZERO:
        return INFINITE
    room = price - index if _liquidation_side(pair, price) == "above" else index - price
    return max(ZERO, room) / index


def _liquidation_side(pair: IsolatedPair, liquidation: Decimal) -> LiquidationSide | None:
    """Return the side of the liquidation price on which the pair is liquidated."""
    level = _own_level(pair, liquidation)
    return liquidation_side(pair.base.held, pair.base.owed, level) if level.is_finite() else None


def _valued_balances(state: AccountState, pair: IsolatedPair) -> tuple[ValuedBalance, ...]:
    base, quote = (
        ValuedBalance(b, usdt_price(b.asset, state.prices.newest), hourly_rate(state, b.asset, pair.symbol))
        for b in (pair.base, pair.quote)
    )
    end = pair.liquidation_price
    danger = _liquidation_side(pair, end) if end is not None else None
    return (replace(base, liquidation_price=end, liquidation_side=danger), quote)
