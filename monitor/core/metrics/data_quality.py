"""What a scope's figures lack, named for people: why a level is not live, and what in it has no price of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.core.margin.usdt_prices import price_of, symbol_of
from monitor.core.metrics.collateral import collateral_drift
from monitor.core.metrics.valuation import is_fresh, newest_at
from monitor.core.metrics.value_text import notice_text
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.metric_values import Figures
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import cross_balances, pair_now

GapKind = Literal[
    "notice", "bars", "no_price", "no_usdt_pair", "old_price", "prices_stale", "drift", "collateral", "halted"
]

QUIET = timedelta(minutes=20)
"""Without a price for so long a symbol is named: the stream tells every change, and a read was due twice."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is missing. `name` is the asset or symbol, empty where it concerns the whole scope."""

    kind: GapKind
    name: str
    text: str


def gaps(state: AccountState, settings: Settings, scope: Scope, figures: Figures, now: datetime) -> tuple[Gap, ...]:
    """What is missing in the figures of one scope, the most important first; empty when nothing is."""
    if figures.as_of is None or figures.state in ("unavailable", "not_created"):
        return (*_notice(figures), *_bars(figures))
    return (
        *_notice(figures),
        *_halted(state, scope),
        *_bars(figures),
        *_level(state, settings, figures, now),
        *_collateral(state, settings, scope),
        *_prices(state, settings, scope, now),
    )


def _halted(state: AccountState, scope: Scope) -> Iterator[Gap]:
    pair = pair_now(state, scope.symbol) if scope.symbol else None
    if scope == CROSS and state.cross is not None and not state.cross.trade_enabled:
        yield Gap("halted", "", "the exchange lets nothing be traded in this account")
    if pair is not None and not pair.trade_enabled:
        yield Gap("halted", scope.symbol, f"{scope.symbol} is halted: nothing can be traded, its price may stand still")
        return
    assets = sorted(row.asset for row in _rows(state, scope) if not row.is_zero)
    symbols = [symbol_of(asset, state.prices) for asset in assets]
    for symbol in dict.fromkeys((*([scope.symbol] if scope.symbol else ()), *symbols)):
        market = state.followed.markets.by_symbol.get(symbol)
        if market is not None and not market.is_traded:
            yield Gap("halted", symbol, f"{symbol} is halted ({market.status}): its price may stand still")


def _notice(figures: Figures) -> Iterator[Gap]:
    """What the exchange said after the last read."""
    if figures.notice is not None:
        yield Gap("notice", "", f"{notice_text(figures.notice)}, after the last read: the worse of the two counts")


def _bars(figures: Figures) -> Iterator[Gap]:
    """What is not certain of the bars."""
    if figures.bars is not None and figures.bars.note:
        yield Gap("bars", "", f"bars: {figures.bars.note}")


def _level(state: AccountState, settings: Settings, figures: Figures, now: datetime) -> Iterator[Gap]:
    """Why the level is the polled one."""
    if figures.source == "live" or figures.state != "ok":
        return
    at = newest_at(state)
    if at is None:
        yield Gap("prices_stale", "", "no prices yet: the level is the one last read")
    elif not is_fresh(at, now, settings.prices_stale_after):
        age = (now - at) // timedelta(seconds=1)
        whose = "of the last prices" if _is_at_last_prices(figures) else "last read"
        yield Gap("prices_stale", "", f"no price came for {age} s: the level is the one {whose}")
    elif figures.drift is not None and figures.drift > settings.drift_bound:
        off = f"{figures.drift * 100:.1f}"
        yield Gap("drift", "", f"our valuation is {off} % off the exchange's: the level is the one last read")


def _is_at_last_prices(figures: Figures) -> bool:
    """Whether the level is worse than the one last read, by prices that came after it."""
    level, polled = figures.shown.get("margin_level"), figures.shown.get("polled_margin_level")
    return isinstance(level, Decimal) and isinstance(polled, Decimal) and figures.notice is None and level < polled


def _collateral(state: AccountState, settings: Settings, scope: Scope) -> Iterator[Gap]:
    """Whether the ratios by which the exchange counts collateral are those that it tells."""
    off = collateral_drift(state) if scope == CROSS else None
    if off is not None and off > settings.drift_bound:
        yield Gap("collateral", "", f"by its published ratios collateral is {off * 100:.1f} % off the exchange's level")


def _prices(state: AccountState, settings: Settings, scope: Scope, now: datetime) -> Iterator[Gap]:
    believed = is_fresh(newest_at(state), now, settings.prices_stale_after)
    for balance in sorted(_rows(state, scope), key=lambda row: row.asset):
        asset, symbol = balance.asset, f"{balance.asset}USDT"
        if asset == "USDT" or balance.is_zero or not state.prices:
            continue
        own = state.prices.get(symbol)
        if own is None and price_of(asset, state.prices) is None:
            counted = "it counts as the exchange counted it at the last read" if scope == CROSS else "no value has it"
            yield Gap("no_price", asset, f"{asset} has no price that leads to USDT: {counted}")
            continue
        if own is None:
            symbol = symbol_of(asset, state.prices)
            own = state.prices[symbol]
        if symbol not in (f"{asset}USDT", f"USDT{asset}"):
            yield Gap("no_usdt_pair", asset, f"{asset} has no pair with USDT: it is valued through {symbol}")
        if believed and now - own.at > QUIET:
            minutes = (now - own.at) // timedelta(minutes=1)
            yield Gap("old_price", symbol, f"no price of {symbol} for {minutes} min: it counts at the last one")


def _rows(state: AccountState, scope: Scope) -> tuple[Balance, ...]:
    if scope == CROSS:
        return tuple(cross_balances(state).values())
    pair = pair_now(state, scope.symbol)
    return (pair.base, pair.quote) if pair is not None else ()
