"""Metrics of the cross account. The formulas are in `core/margin`.

The level is the exchange's own at the last poll, times the change of our own valuation by prices and events since:
equal to the polled level, to the last digit, as long as there was no new price and no event. A level that the exchange
has reported since the poll counts if it is worse.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from monitor.core.margin.levels import Exposure, Totals, drop_to_level, move_to_level, rise_to_level
from monitor.core.margin.liquidation import liquidation_price
from monitor.core.metrics.interest_rates import hourly_rate, seconds_to_liquidation
from monitor.core.metrics.isolated import measure_pair
from monitor.core.metrics.odds import ScopeOdds
from monitor.core.metrics.scope_metrics import (
    UNAVAILABLE,
    ScopeLevel,
    apply_level_notice,
    is_stale,
    price_move_to,
    scope_metric_values,
    threshold_values,
    unread_metric_values,
    value_usdt,
    worse_level,
)
from monitor.core.metrics.thresholds import cross_thresholds
from monitor.core.metrics.valuation import (
    PriceContext,
    build_price_context,
    drift,
    usdt_price,
    value_positions,
)
from monitor.core.model.account import CROSS, Balance, CrossSnapshot, Price
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import LazyMetrics, MetricValues, ValuedBalance
from monitor.core.model.odds import DAY, WEEK
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_cross_balances
from monitor.core.state.scope_value import value_scope

LEVEL_ROUNDING = Decimal("0.00000002")
"""Maximum rounding error of a level revalued at new prices: the exchange reports its level to eight decimals."""

__all__ = ["measure_cross", "measure_pair"]


def measure_cross(
    state: AccountState, settings: AccountSettings, now: datetime, price_context: PriceContext | None = None
) -> MetricValues:
    """Return the cross account's metrics and its non-zero balances. A given `price_context` is not computed again."""
    snapshot = state.cross
    if snapshot is None:
        return apply_level_notice(
            unread_metric_values("cross", "", cross_thresholds(state, now)), state.live_balances.notice, settings, now
        )
    view = _CrossMetrics(state, settings, snapshot, price_context or build_price_context(state, settings, now))
    shown = LazyMetrics(_METRICS, view, view.thresholds)
    found = scope_metric_values(
        "cross", "", snapshot.as_of, now, settings, view.level, shown, view.holdings, view.effective_thresholds
    )
    return (
        apply_level_notice(found, state.live_balances.notice, settings, now)
        if state.live_balances.notice is not None
        else found
    )


class _CrossMetrics:
    """Inputs of the cross account's metrics. Immutable; costly ones are computed on first access."""

    __slots__ = (
        "_balances",
        "_exposure",
        "at_snapshot",
        "current",
        "effective_thresholds",
        "level",
        "own_level",
        "price_context",
        "settings",
        "snapshot",
        "state",
        "thresholds",
    )

    def __init__(
        self, state: AccountState, settings: AccountSettings, snapshot: CrossSnapshot, price_context: PriceContext
    ) -> None:
        self.state = state
        self.settings = settings
        self.snapshot = snapshot
        self.price_context = price_context
        self.effective_thresholds = cross_thresholds(state, price_context.now)
        self.thresholds = threshold_values(self.effective_thresholds)
        self.at_snapshot = state.prices.at_cross.value_balances(snapshot.balances)
        self.current = state.prices.current_value(live_cross_balances(state), self.at_snapshot.unpriced)
        self.own_level = self._level()
        self.level = worse_level(self.own_level, state.live_balances.notice, settings, price_context.now)
        self._exposure: Exposure | None = None
        self._balances: tuple[ValuedBalance, ...] | None = None

    def holdings(self) -> tuple[ValuedBalance, ...]:
        """Return every row with its price; computed once."""
        if self._balances is None:
            self._balances = _valued_balances(self.state, self.level.value, self.thresholds["liquidation_level"])
        return self._balances

    def _level(self) -> ScopeLevel:
        """Return the polled level, moved as our own valuation moved since, if that is reliable.

        Prices that came after the poll and then went stale are old, but newer than the poll: if they make the level
        worse, they count until the next poll.
        """
        polled, then = self.snapshot.margin_level, self.at_snapshot
        off = drift(polled, then.totals) if self.price_context.cross_comparable else None
        moved = self._revalued_level(off)
        if moved is None:
            return ScopeLevel(polled, False, off)
        if self.price_context.is_fresh and not is_stale(self.snapshot.as_of, self.settings, self.price_context.now):
            return ScopeLevel(moved, True, off)
        return ScopeLevel(min(polled, moved), False, off)

    def _revalued_level(self, off: Decimal | None) -> Decimal | None:
        """Return the level at the newest prices.

        None when prices were stale or unknown when the snapshot came, or when our own valuation was `off` by more than
        the maximum drift then, as it is with unpriced assets.
        """
        polled = self.snapshot.margin_level
        if self.current.unpriced:
            return None
        if not polled.is_finite():
            # The first debt came after the poll: the exchange has reported no finite level to start from.
            return self.current.level if self.current.liabilities else None
        if off is None or off > self.settings.max_drift:
            return None
        return polled * (self.current.level / self.at_snapshot.level)

    def change_5m(self) -> MetricValue:
        """Return the change of the level in five minutes by prices alone."""
        level = self.own_level
        if not level.value.is_finite():
            return ZERO
        past = self.price_context.five_minutes_ago() if level.is_live else None
        before = (
            past.totals(self.current.balances, self.at_snapshot.unpriced, self.current.bases)
            if past is not None
            else None
        )
        if before is None:
            return UNAVAILABLE
        if not self.snapshot.margin_level.is_finite():
            return level.value - before.level
        return level.value - self.snapshot.margin_level * (before.level / self.at_snapshot.level)

    def exposure(self) -> Exposure | None:
        """Return the values held and owed at the newest prices.

        The value of unpriced assets is the rest of the exchange's totals over all other assets, and counts as volatile.
        None when that is unknown too.
        """
        if self._exposure is None:
            if self.at_snapshot.unpriced or self.current.unpriced:
                return self._exposure_with_unpriced()
            self._exposure = self.current.exposure(self.settings.stable_assets)
        return self._exposure

    def _exposure_with_unpriced(self) -> Exposure | None:
        snapshot, stables = self.snapshot, self.settings.stable_assets
        btc = usdt_price("BTC", self.state.prices.at_cross.prices)
        if btc is None or self.current.unpriced:
            everything = value_scope(
                self.current.balances, self.state.prices.newest, bases=self.state.prices.at_cross.bases
            )
            return None if everything.unpriced else everything.exposure(stables)
        seen, parts = self.at_snapshot.totals, self.current.exposure(stables)
        return Exposure(
            parts.stable_assets,
            parts.stable_liabilities,
            parts.volatile_assets + max(ZERO, snapshot.assets_btc * btc - seen.assets),
            parts.volatile_liabilities + max(ZERO, snapshot.liabilities_btc * btc - seen.liabilities),
        )

    def price_move(self, reach: Callable[[Exposure, Decimal], Decimal], threshold: str) -> MetricValue:
        return price_move_to(
            reach,
            self.level.value,
            self.exposure() if self.level.value.is_finite() else None,
            self.thresholds[threshold],
        )

    def value(self, select: Callable[[Totals], Decimal]) -> MetricValue:
        return value_usdt(select, self.exposure(), ONE)

    def interest_usdt(self) -> MetricValue:
        return _interest_usdt(self.current.balances, self.price_context.prices)

    @property
    def odds(self) -> ScopeOdds:
        return ScopeOdds(self.state, self.settings, CROSS, self.level.value, self.price_context.now)

    def time_by_interest(self) -> MetricValue:
        level = self.level.value
        if not level.is_finite():
            return INFINITE
        owing = [balance for balance in self.current.balances.values() if balance.owed]
        prices = {asset: p.price for asset, p in value_positions(owing, self.price_context.prices).items()}
        threshold = self.thresholds["liquidation_level"]
        return seconds_to_liquidation(
            self.state, self.settings, "", owing, prices, level, threshold, self.price_context.now
        )


_METRICS: Mapping[str, Callable[[_CrossMetrics], MetricValue]] = MappingProxyType(
    {
        "margin_level": lambda cross: cross.level.value,
        "polled_margin_level": lambda cross: cross.snapshot.margin_level,
        "collateral_margin_level": lambda cross: cross.snapshot.collateral_margin_level,
        "margin_level_change_5m": _CrossMetrics.change_5m,
        "initial_level": lambda cross: cross.thresholds["initial_level"],
        "margin_call_level": lambda cross: cross.thresholds["margin_call_level"],
        "liquidation_level": lambda cross: cross.thresholds["liquidation_level"],
        "assets_usdt": lambda cross: cross.value(lambda sums: sums.assets),
        "liabilities_usdt": lambda cross: cross.value(lambda sums: sums.liabilities),
        "equity_usdt": lambda cross: cross.value(lambda sums: sums.equity),
        "interest_usdt": _CrossMetrics.interest_usdt,
        "drop_to_liquidation": lambda cross: cross.price_move(drop_to_level, "liquidation_level"),
        "rise_to_liquidation": lambda cross: cross.price_move(rise_to_level, "liquidation_level"),
        "drop_to_margin_call": lambda cross: cross.price_move(drop_to_level, "margin_call_level"),
        "distance_to_liquidation": lambda cross: cross.price_move(move_to_level, "liquidation_level"),
        "time_to_liquidation_by_interest": _CrossMetrics.time_by_interest,
        "liquidation_odds_1d": lambda cross: cross.odds.share(DAY),
        "liquidation_odds_7d": lambda cross: cross.odds.share(WEEK),
        "worst_level_1d": lambda cross: cross.odds.worst_level(DAY),
    }
)


def _interest_usdt(balances: Mapping[str, Balance], prices: Mapping[str, Price]) -> MetricValue:
    total = ZERO
    for balance in balances.values():
        if balance.interest:
            price = usdt_price(balance.asset, prices)
            if price is None:
                return UNAVAILABLE
            total += balance.interest * price
    return total


def _valued_balances(state: AccountState, level: Decimal, liquidation: MetricValue) -> tuple[ValuedBalance, ...]:
    """Return every row with its price, and its liquidation price alone if all rows have a price."""
    balances = live_cross_balances(state)
    known = value_positions(balances.values(), state.prices.newest)
    own = Totals(
        sum((p.held * p.price for p in known.values()), ZERO), sum((p.owed * p.price for p in known.values()), ZERO)
    )
    threshold: Decimal | None = None
    if len(known) == len(balances) and level.is_finite() and level > ZERO and own.liabilities > ZERO:
        # The exchange acts on its own level: this is our level when the exchange's reaches liquidation. A difference by
        # the exchange's rounding is none.
        scale = ONE if abs(own.level - level) <= LEVEL_ROUNDING else own.level / level
        threshold = liquidation * scale if isinstance(liquidation, Decimal) else None

    def row(balance: Balance) -> ValuedBalance:
        rate = hourly_rate(state, balance.asset)
        position = known.get(balance.asset)
        if position is None:
            return ValuedBalance(balance, hourly_rate=rate)
        if threshold is None or balance.asset == "USDT":
            return ValuedBalance(balance, position.price, rate)
        end = liquidation_price(position, own, threshold)
        if end is None:
            return ValuedBalance(balance, position.price, rate)
        return ValuedBalance(balance, position.price, rate, end.price, end.side)

    return tuple(row(balance) for _, balance in sorted(balances.items()))
