"""Frames of a simulation from recorded samples: balances, thresholds, prices, and other metrics as measured then.

A pause between two reads that is longer than the poll interval of that time allows means stale data. A long pause
without any sample means that the daemon was off; it is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from monitor.core.metrics.odds import ODDS_METRICS
from monitor.core.metrics.snapshot import MONITOR_SUBJECT, Subject
from monitor.core.model.account import CROSS, Balance, Price, Scope, Thresholds
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.simulation.overrides import MetricOverrides
from monitor.simulation.portfolio import PairHolding, SimulatedPortfolio, margin_level_of, missing_price_symbols
from monitor.simulation.simulator import MarketFrame

FILL_INTERVAL = timedelta(seconds=30)
"""Longest time between two evaluations of rules between reads."""

SUBJECT_TIMEOUT = timedelta(minutes=65)
"""Time after which a subject without samples counts as gone: every metric is recorded at least hourly."""

MAX_LIVE_SILENCE = timedelta(minutes=4)
"""Longest pause without samples that can't be a daemon that was off."""

MAX_STALE_TIME = timedelta(hours=1)

_THRESHOLD_METRICS = ("initial_level", "margin_call_level", "liquidation_level")
_DEFAULT_POLL_INTERVAL_S = Decimal(60)
_QUOTES = ("USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY")
_REMEASURED: Mapping[MetricScope, frozenset[str]] = {
    "account": frozenset({"actions_blocked"}),
    "monitor": frozenset(),
    "asset": frozenset({"held", "owed", "spot_free", "funding_free", "price_usdt"}),
}
"""Metrics that the simulation measures itself; of cross and pairs it measures all but `_KEPT_METRICS`."""

_KEPT_METRICS = frozenset(
    {"time_to_liquidation_by_interest", "margin_level_change_5m", "status", "liquidation_price", "time_to_delist"}
    | ODDS_METRICS
)


@dataclass(frozen=True, slots=True)
class ReplaySample:
    """One recorded sample. `value` may be INFINITE or missing."""

    at: datetime
    scope: MetricScope
    subject: str
    metric: str
    value: MetricValue


@dataclass(slots=True)
class _LatestValues:
    """Newest values of every subject, and the time of each subject's last sample."""

    values: dict[Subject, dict[str, MetricValue]] = field(default_factory=dict)
    seen_at: dict[Subject, datetime] = field(default_factory=dict)
    poll_interval: MetricValue | None = None
    """Newest poll interval. It applies from the next `data_age` on: the two are not always recorded together."""

    def update(self, samples: Iterable[ReplaySample], at: datetime) -> bool:
        """Take in samples. Return whether they come from a read and not only from metrics that became stale."""
        is_read = False
        for sample in samples:
            subject = (sample.scope, sample.subject)
            if sample.metric == "poll_interval":
                self.poll_interval = sample.value
                continue
            if sample.metric == "data_age" and self.poll_interval is not None:
                self.values[subject] = {**self.values.get(subject, {}), "poll_interval": self.poll_interval}
            # A copy, because earlier frames keep the values of their time.
            self.values[subject] = {**self.values.get(subject, {}), sample.metric: sample.value}
            self.seen_at[subject] = at
            is_read = is_read or (sample.scope in ("cross", "isolated", "asset") and isinstance(sample.value, Decimal))
        for subject in [subject for subject, seen_at in self.seen_at.items() if at - seen_at > SUBJECT_TIMEOUT]:
            del self.values[subject], self.seen_at[subject]
        return is_read

    def number(self, subject: Subject, metric: str) -> Decimal:
        value = self.values.get(subject, {}).get(metric)
        return value if isinstance(value, Decimal) and value.is_finite() else ZERO


def recorded_frames(samples: Iterable[ReplaySample], since: datetime) -> Iterator[MarketFrame]:
    """Yield the frames from `since` on. `samples` are in order of time; earlier ones give the values known before."""
    latest = _LatestValues()
    last: MarketFrame | None = None
    for at, group in groupby(samples, key=lambda sample: sample.at):
        if last is not None:
            yield from _fill_frames(last, at, latest)
        is_read = latest.update(group, at)
        if at < since:
            continue
        last = _frame(latest, at, is_read)
        yield last


def _fill_frames(last: MarketFrame, until: datetime, latest: _LatestValues) -> Iterator[MarketFrame]:
    """Yield the frames between `last` and the next sample."""
    poll_interval_s = latest.number(("monitor", ""), "poll_interval") or _DEFAULT_POLL_INTERVAL_S
    allowed = max(timedelta(seconds=20), timedelta(seconds=int(2 * poll_interval_s)))
    silence = until - last.at
    is_continuous = last.is_read and silence <= allowed
    if not is_continuous and last.is_read and silence > max(MAX_LIVE_SILENCE, allowed):
        return
    at = last.at + FILL_INTERVAL
    while at < min(until, last.at + MAX_STALE_TIME):
        overrides = last.overrides if is_continuous else _age_data(last.overrides, at - last.at)
        yield replace(last, at=at, overrides=overrides, is_read=is_continuous, portfolio=None)
        at += FILL_INTERVAL


def _age_data(overrides: MetricOverrides, by: timedelta) -> MetricOverrides:
    """The metrics with `data_age` increased by a span of time."""
    monitor = overrides.get(MONITOR_SUBJECT, {})
    age = monitor.get("data_age")
    if not isinstance(age, Decimal):
        return overrides
    return {
        **overrides,
        MONITOR_SUBJECT: {**monitor, "data_age": age + Decimal(by // timedelta(milliseconds=1)) / 1000},
    }


def _frame(latest: _LatestValues, at: datetime, is_read: bool) -> MarketFrame:
    prices = _prices(latest)
    portfolio = _portfolio(latest)
    prices_at = {symbol: Price(value, at) for symbol, value in prices.items()}
    unvalued = missing_price_symbols(portfolio, prices_at)
    level_factors: dict[Scope, Decimal] = {}
    overrides: dict[Subject, Mapping[str, MetricValue]] = {}
    for subject, values in latest.values.items():
        kind, name = subject
        if kind in ("cross", "isolated"):
            scope = Scope(name) if kind == "isolated" else CROSS
            level_factor = None if unvalued else _level_factor(portfolio, scope, prices_at, values.get("margin_level"))
            if level_factor is not None:
                level_factors[scope] = level_factor
                overrides[subject] = {metric: value for metric, value in values.items() if metric in _KEPT_METRICS}
            else:
                overrides[subject] = values
        else:
            again = _REMEASURED[kind]
            overrides[subject] = {metric: value for metric, value in values.items() if metric not in again}
    return MarketFrame(
        at, prices, overrides, is_read, replace(portfolio, level_factors=level_factors) if is_read else None
    )


def _level_factor(
    portfolio: SimulatedPortfolio, scope: Scope, prices: Mapping[str, Price], recorded: MetricValue | None
) -> Decimal | None:
    """Recorded level divided by the level of the recorded balances; None if they can't be compared."""
    if scope.symbol and scope.symbol not in portfolio.pairs:
        return None
    own = margin_level_of(portfolio, scope, prices)
    if not isinstance(recorded, Decimal) or own <= ZERO:
        return None
    if recorded == INFINITE or own == INFINITE:
        return ONE if recorded == own else None
    return recorded / own


def _prices(latest: _LatestValues) -> dict[str, Decimal]:
    prices: dict[str, Decimal] = {}
    for (kind, name), values in latest.values.items():
        price = values.get("price_usdt")
        if kind == "asset" and name != "USDT" and isinstance(price, Decimal) and price > ZERO:
            prices[f"{name}USDT"] = price
    for (kind, name), values in latest.values.items():
        index = values.get("index_price")
        if kind == "isolated" and isinstance(index, Decimal) and index > ZERO:
            prices.setdefault(name, index)
    return prices


def _portfolio(latest: _LatestValues) -> SimulatedPortfolio:
    assets = [name for kind, name in latest.values if kind == "asset"]
    pairs: dict[str, PairHolding] = {}
    for subject in latest.values:
        if subject[0] == "isolated" and (sides := _split_symbol(subject[1], assets)) is not None:
            pairs[subject[1]] = _pair(latest, subject, *sides)
    in_pairs = [row for pair in pairs.values() for row in (pair.base, pair.quote)]
    owes_nothing = latest.values.get(("cross", ""), {}).get("margin_level") == INFINITE
    cross: dict[str, Balance] = {}
    for asset in assets:
        elsewhere = [row for row in in_pairs if row.asset == asset]
        held = latest.number(("asset", asset), "held") - sum((row.held for row in elsewhere), ZERO)
        owed = latest.number(("asset", asset), "owed") - sum((row.owed for row in elsewhere), ZERO)
        borrowed = ZERO if owes_nothing else max(ZERO, owed)
        cross[asset] = Balance(asset, free=max(ZERO, held), borrowed=borrowed)
    wallets = {
        wallet: {asset: latest.number(("asset", asset), f"{wallet}_free") for asset in assets}
        for wallet in ("spot", "funding")
    }
    return SimulatedPortfolio(cross=cross, thresholds=_thresholds(latest, ("cross", "")), pairs=pairs, wallets=wallets)


def _pair(latest: _LatestValues, subject: Subject, base: str, quote: str) -> PairHolding:
    def row(asset: str, side: str) -> Balance:
        held, borrowed = (latest.number(subject, f"{side}_{what}") for what in ("held", "borrowed"))
        return Balance(asset, free=held, borrowed=borrowed)

    return PairHolding(row(base, "base"), row(quote, "quote"), _thresholds(latest, subject))


def _thresholds(latest: _LatestValues, subject: Subject) -> Thresholds | None:
    values = latest.values.get(subject, {})
    levels = [
        value for name in _THRESHOLD_METRICS if isinstance(value := values.get(name, MissingValue.UNAVAILABLE), Decimal)
    ]
    return Thresholds(*levels) if len(levels) == len(_THRESHOLD_METRICS) else None


def _split_symbol(symbol: str, assets: Iterable[str]) -> tuple[str, str] | None:
    """Split a pair's symbol into its two assets: by assets held or owed, else by the usual quote assets."""
    held = set(assets)
    splits = [(symbol[:at], symbol[at:]) for at in range(1, len(symbol))]
    for base, quote in splits:
        if base in held and quote in held:
            return base, quote
    return next(((base, quote) for base, quote in splits if quote in _QUOTES), None)
