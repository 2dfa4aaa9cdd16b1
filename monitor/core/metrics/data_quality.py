"""Data-quality issues of a scope's metrics: missing, old or assumed inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.margin.usdt_prices import pricing_symbol, usdt_price
from monitor.core.metrics.collateral import collateral_drift
from monitor.core.metrics.valuation import is_fresh
from monitor.core.metrics.value_text import notice_text
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.metric_values import DataIssueKind, MetricValues
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_cross_balances, live_pair

MAX_PRICE_SILENCE = timedelta(minutes=20)
"""Time without a price after which a symbol is reported: the stream sends every change, and a read was due twice."""


@dataclass(frozen=True, slots=True)
class DataIssue:
    """One missing input. `name` is the asset or symbol, empty if the issue concerns the whole scope."""

    kind: DataIssueKind
    name: str
    text: str


def find_data_issues(
    state: AccountState, settings: AccountSettings, scope: Scope, metrics: MetricValues, now: datetime
) -> tuple[DataIssue, ...]:
    """Return the issues of one scope's metrics, the most important first; empty if nothing is missing."""
    if metrics.as_of is None or metrics.state in ("unavailable", "not_created"):
        return (*_notice_issues(metrics), *_threshold_issues(metrics))
    return (
        *_notice_issues(metrics),
        *_trading_halt_issues(state, scope),
        *_threshold_issues(metrics),
        *_level_issues(state, settings, metrics, now),
        *_collateral_issues(state, settings, scope),
        *_price_issues(state, settings, scope, now),
    )


def _trading_halt_issues(state: AccountState, scope: Scope) -> Iterator[DataIssue]:
    pair = live_pair(state, scope.symbol) if scope.symbol else None
    if scope == CROSS and state.cross is not None and not state.cross.trade_enabled:
        yield DataIssue("halted", "", "the exchange lets nothing be traded in this account")
    if pair is not None and not pair.trade_enabled:
        yield DataIssue(
            "halted", scope.symbol, f"{scope.symbol} is halted: nothing can be traded, its price may stand still"
        )
        return
    assets = sorted(row.asset for row in _balances(state, scope) if not row.is_zero)
    symbols = [pricing_symbol(asset, state.prices.newest) for asset in assets]
    for symbol in dict.fromkeys((*([scope.symbol] if scope.symbol else ()), *symbols)):
        market = state.reference.trading_rules.by_symbol.get(symbol)
        if market is not None and not market.is_traded:
            yield DataIssue("halted", symbol, f"{symbol} is halted ({market.status}): its price may stand still")


def _notice_issues(metrics: MetricValues) -> Iterator[DataIssue]:
    """Yield the level that the exchange reported after the last read."""
    if metrics.notice is not None:
        yield DataIssue(
            "notice", "", f"{notice_text(metrics.notice)}, after the last read: the worse of the two counts"
        )


def _threshold_issues(metrics: MetricValues) -> Iterator[DataIssue]:
    """Yield the uncertainty of the thresholds."""
    if metrics.thresholds is not None and metrics.thresholds.note:
        yield DataIssue("bars", "", f"bars: {metrics.thresholds.note}")


def _level_issues(
    state: AccountState, settings: AccountSettings, metrics: MetricValues, now: datetime
) -> Iterator[DataIssue]:
    """Yield the reason why the level is the polled one."""
    if metrics.source == "live" or metrics.state != "ok":
        return
    at = state.prices.newest_at
    if at is None:
        yield DataIssue("prices_stale", "", "no prices yet: the level is the one last read")
    elif not is_fresh(at, now, settings.prices_stale_after):
        age = (now - at) // timedelta(seconds=1)
        whose = "of the last prices" if _is_at_last_prices(metrics) else "last read"
        yield DataIssue("prices_stale", "", f"no price came for {age} s: the level is the one {whose}")
    elif metrics.drift is not None and metrics.drift > settings.max_drift:
        off = f"{metrics.drift * 100:.1f}"
        yield DataIssue("drift", "", f"our valuation is {off} % off the exchange's: the level is the one last read")


def _is_at_last_prices(metrics: MetricValues) -> bool:
    """Return whether the level is worse than the last read one because of prices that came later."""
    level, polled = metrics.display.get("margin_level"), metrics.display.get("polled_margin_level")
    return isinstance(level, Decimal) and isinstance(polled, Decimal) and metrics.notice is None and level < polled


def _collateral_issues(state: AccountState, settings: AccountSettings, scope: Scope) -> Iterator[DataIssue]:
    """Yield an issue if the exchange seems to count collateral by other ratios than the published ones."""
    off = collateral_drift(state) if scope == CROSS else None
    if off is not None and off > settings.max_drift:
        yield DataIssue(
            "collateral", "", f"by its published ratios collateral is {off * 100:.1f} % off the exchange's level"
        )


def _price_issues(state: AccountState, settings: AccountSettings, scope: Scope, now: datetime) -> Iterator[DataIssue]:
    prices_are_fresh = is_fresh(state.prices.newest_at, now, settings.prices_stale_after)
    for balance in sorted(_balances(state, scope), key=lambda row: row.asset):
        asset, symbol = balance.asset, f"{balance.asset}USDT"
        if asset == "USDT" or balance.is_zero or not state.prices.newest:
            continue
        own = state.prices.newest.get(symbol)
        if own is None and usdt_price(asset, state.prices.newest) is None:
            counted = "it counts as the exchange counted it at the last read" if scope == CROSS else "no value has it"
            yield DataIssue("no_price", asset, f"{asset} has no price that leads to USDT: {counted}")
            continue
        if own is None:
            symbol = pricing_symbol(asset, state.prices.newest)
            own = state.prices.newest[symbol]
        if symbol not in (f"{asset}USDT", f"USDT{asset}"):
            yield DataIssue("no_usdt_pair", asset, f"{asset} has no pair with USDT: it is valued through {symbol}")
        if prices_are_fresh and now - own.at > MAX_PRICE_SILENCE:
            minutes = (now - own.at) // timedelta(minutes=1)
            yield DataIssue("old_price", symbol, f"no price of {symbol} for {minutes} min: it counts at the last one")


def _balances(state: AccountState, scope: Scope) -> tuple[Balance, ...]:
    if scope == CROSS:
        return tuple(live_cross_balances(state).values())
    pair = live_pair(state, scope.symbol)
    return (pair.base, pair.quote) if pair is not None else ()
