"""What was recorded, as moments of a rehearsal: balances, bars and prices from samples, the rest as it was measured.

A pause between two reads that is longer than the pace of that time allows was blindness; a long one without a word
was a daemon that was off, and is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from monitor.core.metrics.snapshot import MONITOR, Subject
from monitor.core.model.account import CROSS, Balance, Bars, Price, Scope
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import Missing, Value
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.simulation.overrides import Given
from monitor.simulation.portfolio import PairHolding, Portfolio, lacking_prices, level_of
from monitor.simulation.simulator import Frame

FILL = timedelta(seconds=30)
"""Between two reads the engine looks at least this often."""

GONE_AFTER = timedelta(minutes=65)
"""A figure is written every hour at least: a subject silent for longer is not there any more."""

ALIVE = timedelta(minutes=4)
"""A silence that is shorter can't have been a daemon that was off."""

LONGEST_BLINDNESS = timedelta(hours=1)

_BAR_NAMES = ("initial_level", "margin_call_level", "liquidation_level")
_USUAL_PACE = Decimal(60)
_QUOTES = ("USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY")
_ANEW: Mapping[MetricScope, frozenset[str]] = {
    "account": frozenset({"actions_blocked"}),
    "monitor": frozenset(),
    "asset": frozenset({"held", "owed", "spot_free", "funding_free", "price_usdt"}),
}
"""The metrics that the rehearsal measures itself; of cross and pairs it measures all but these:"""

_KEPT = frozenset(
    {"time_to_liquidation_by_interest", "margin_level_change_5m", "status", "liquidation_price", "time_to_delist"}
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One sample: INFINITE and missing values as they were."""

    at: datetime
    scope: MetricScope
    subject: str
    metric: str
    value: Value


@dataclass(slots=True)
class _Known:
    """The newest values of every subject, and when each was last heard of."""

    values: dict[Subject, dict[str, Value]] = field(default_factory=dict)
    heard: dict[Subject, datetime] = field(default_factory=dict)
    pace: Value | None = None
    """The newest pace: it holds from the next age on, since the two are not always written together."""

    def take(self, samples: Iterable[Recorded], at: datetime) -> bool:
        """Whether the samples come from a read, not only from figures that went stale."""
        is_read = False
        for sample in samples:
            subject = (sample.scope, sample.subject)
            if sample.metric == "poll_interval":
                self.pace = sample.value
                continue
            if sample.metric == "data_age" and self.pace is not None:
                self.values[subject] = {**self.values.get(subject, {}), "poll_interval": self.pace}
            # A copy: frames made before keep what was true then.
            self.values[subject] = {**self.values.get(subject, {}), sample.metric: sample.value}
            self.heard[subject] = at
            is_read = is_read or (sample.scope in ("cross", "isolated", "asset") and isinstance(sample.value, Decimal))
        for subject in [each for each, heard in self.heard.items() if at - heard > GONE_AFTER]:
            del self.values[subject], self.heard[subject]
        return is_read

    def number(self, subject: Subject, metric: str) -> Decimal:
        value = self.values.get(subject, {}).get(metric)
        return value if isinstance(value, Decimal) and value.is_finite() else ZERO


def recorded_frames(samples: Iterable[Recorded], since: datetime) -> Iterator[Frame]:
    """The moments from `since` on. `samples` are in order of time and may begin earlier, to tell what was known."""
    known = _Known()
    last: Frame | None = None
    for at, group in groupby(samples, key=lambda sample: sample.at):
        if last is not None:
            yield from _between(last, at, known)
        is_read = known.take(group, at)
        if at < since:
            continue
        last = _frame(known, at, is_read)
        yield last


def _between(last: Frame, until: datetime, known: _Known) -> Iterator[Frame]:
    """The looks after `last` until the next sample."""
    pace = known.number(("monitor", ""), "poll_interval") or _USUAL_PACE
    allowed = max(timedelta(seconds=20), timedelta(seconds=int(2 * pace)))
    silence = until - last.at
    went_on = last.is_read and silence <= allowed
    if not went_on and last.is_read and silence > max(ALIVE, allowed):
        return
    at = last.at + FILL
    while at < min(until, last.at + LONGEST_BLINDNESS):
        given = last.given if went_on else _aged(last.given, at - last.at)
        yield replace(last, at=at, given=given, is_read=went_on, portfolio=None)
        at += FILL


def _aged(given: Given, by: timedelta) -> Given:
    """The figures with the age of the data counted on."""
    monitor = given.get(MONITOR, {})
    age = monitor.get("data_age")
    if not isinstance(age, Decimal):
        return given
    return {**given, MONITOR: {**monitor, "data_age": age + Decimal(by // timedelta(milliseconds=1)) / 1000}}


def _frame(known: _Known, at: datetime, is_read: bool) -> Frame:
    prices = _prices(known)
    portfolio = _portfolio(known)
    there = {symbol: Price(value, at) for symbol, value in prices.items()}
    unvalued = lacking_prices(portfolio, there)
    scales: dict[Scope, Decimal] = {}
    given: dict[Subject, Mapping[str, Value]] = {}
    for subject, values in known.values.items():
        kind, name = subject
        if kind in ("cross", "isolated"):
            scope = Scope(name) if kind == "isolated" else CROSS
            scale = None if unvalued else _scale(portfolio, scope, there, values.get("margin_level"))
            if scale is not None:
                scales[scope] = scale
                given[subject] = {metric: value for metric, value in values.items() if metric in _KEPT}
            else:
                given[subject] = values
        else:
            again = _ANEW[kind]
            given[subject] = {metric: value for metric, value in values.items() if metric not in again}
    return Frame(at, prices, given, is_read, replace(portfolio, scales=scales) if is_read else None)


def _scale(portfolio: Portfolio, scope: Scope, prices: Mapping[str, Price], recorded: Value | None) -> Decimal | None:
    """By how much the recorded level was above that of the recorded balances; None when they can't be compared."""
    if scope.symbol and scope.symbol not in portfolio.pairs:
        return None
    own = level_of(portfolio, scope, prices)
    if not isinstance(recorded, Decimal) or own <= ZERO:
        return None
    if recorded == INFINITE or own == INFINITE:
        return ONE if recorded == own else None
    return recorded / own


def _prices(known: _Known) -> dict[str, Decimal]:
    prices: dict[str, Decimal] = {}
    for (kind, name), values in known.values.items():
        price = values.get("price_usdt")
        if kind == "asset" and name != "USDT" and isinstance(price, Decimal) and price > ZERO:
            prices[f"{name}USDT"] = price
    for (kind, name), values in known.values.items():
        index = values.get("index_price")
        if kind == "isolated" and isinstance(index, Decimal) and index > ZERO:
            prices.setdefault(name, index)
    return prices


def _portfolio(known: _Known) -> Portfolio:
    assets = [name for kind, name in known.values if kind == "asset"]
    pairs: dict[str, PairHolding] = {}
    for subject in known.values:
        if subject[0] == "isolated" and (sides := _sides(subject[1], assets)) is not None:
            pairs[subject[1]] = _pair(known, subject, *sides)
    in_pairs = [row for pair in pairs.values() for row in (pair.base, pair.quote)]
    owes_nothing = known.values.get(("cross", ""), {}).get("margin_level") == INFINITE
    cross: dict[str, Balance] = {}
    for asset in assets:
        elsewhere = [row for row in in_pairs if row.asset == asset]
        held = known.number(("asset", asset), "held") - sum((row.held for row in elsewhere), ZERO)
        owed = known.number(("asset", asset), "owed") - sum((row.owed for row in elsewhere), ZERO)
        borrowed = ZERO if owes_nothing else max(ZERO, owed)
        cross[asset] = Balance(asset, free=max(ZERO, held), borrowed=borrowed)
    wallets = {
        wallet: {asset: known.number(("asset", asset), f"{wallet}_free") for asset in assets}
        for wallet in ("spot", "funding")
    }
    return Portfolio(cross=cross, bars=_bars(known, ("cross", "")), pairs=pairs, wallets=wallets)


def _pair(known: _Known, subject: Subject, base: str, quote: str) -> PairHolding:
    def row(asset: str, side: str) -> Balance:
        held, borrowed = (known.number(subject, f"{side}_{what}") for what in ("held", "borrowed"))
        return Balance(asset, free=held, borrowed=borrowed)

    return PairHolding(row(base, "base"), row(quote, "quote"), _bars(known, subject))


def _bars(known: _Known, subject: Subject) -> Bars | None:
    values = known.values.get(subject, {})
    bars = [value for name in _BAR_NAMES if isinstance(value := values.get(name, Missing.UNAVAILABLE), Decimal)]
    return Bars(*bars) if len(bars) == len(_BAR_NAMES) else None


def _sides(symbol: str, assets: Iterable[str]) -> tuple[str, str] | None:
    """The two assets of a pair: by those that are held or owed, else by what pairs are usually quoted in."""
    held = set(assets)
    splits = [(symbol[:at], symbol[at:]) for at in range(1, len(symbol))]
    for base, quote in splits:
        if base in held and quote in held:
            return base, quote
    return next(((base, quote) for base, quote in splits if quote in _QUOTES), None)
