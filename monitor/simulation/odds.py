"""Odds in a simulation, measured from the price bars before each moment alone."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from monitor.core.margin.past_prices import floor_hour
from monitor.core.metrics.odds import changed_balances, odds_question
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.account import Scope
from monitor.core.model.odds import METRIC_WINDOWS, OddsAnswer, OddsRead, OddsUnavailable
from monitor.core.model.price_history import HOUR, PriceBar
from monitor.core.numbers.amounts import ONE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.odds.past import build_past
from monitor.simulation.price_path import bar_length

MAX_LEVEL_MOVE = Decimal("0.02")
"""Change of a level, as a fraction, after which odds are measured anew within the hour, as in the daemon."""


class SimulatedOdds:
    """Measurements of odds in the course of one simulation, at each new hour and when balances or levels change.

    A bar counts once its hour is over. Debts with an unknown rate bear no interest.
    """

    def __init__(self, bars: Mapping[str, Sequence[PriceBar]], span: timedelta) -> None:
        """`bars` are hourly, by asset; `span` is how far back they count."""
        self._bars = bars
        self._span = span
        self._cause: object = None
        self._levels: dict[Scope, Decimal] = {}

    def read(self, state: AccountState, settings: AccountSettings, now: datetime) -> OddsRead | None:
        """Return a new measurement; None when the last one still holds."""
        snapshot = MetricsSnapshot(state, settings, now)
        questions = {
            Scope(symbol): odds_question(snapshot.get((kind, symbol)), without_rates=True)
            for kind, symbol in snapshot.margin_subjects
        }
        hour = floor_hour(now)
        cause = (hour, {scope: changed_balances(question) for scope, question in questions.items()})
        levels = {scope: question.level for scope, question in questions.items() if not isinstance(question, str)}
        has_moved = any(_has_moved(self._levels.get(scope), level) for scope, level in levels.items())
        if cause == self._cause and not has_moved:
            return None
        self._cause, self._levels = cause, levels
        # Numpy is loaded only where odds are measured.
        from monitor.odds.calculation import measure_odds

        past = build_past(self._bars, hour - self._span, hour)
        answers: dict[Scope, tuple[OddsAnswer, ...]] = {
            scope: tuple(OddsUnavailable(window, question) for window in METRIC_WINDOWS)
            if isinstance(question, str)
            else measure_odds(question, past, METRIC_WINDOWS)
            for scope, question in questions.items()
        }
        return OddsRead(answers, now)


def hourly_bars(bars: Iterable[PriceBar]) -> tuple[PriceBar, ...]:
    """Return the bars, in ascending time, put together by the hour; none where they are longer than an hour."""
    series = tuple(bars)
    if bar_length(series) > HOUR:
        return ()
    found: list[PriceBar] = []
    for hour, group in groupby(series, key=lambda bar: floor_hour(bar.opens_at)):
        rows = tuple(group)
        high, low = max(row.high for row in rows), min(row.low for row in rows)
        found.append(PriceBar(hour, rows[0].open, high, low, rows[-1].close))
    return tuple(found)


def odds_bars(
    bars_by_symbol: Mapping[str, Sequence[PriceBar]], fixed_prices: Mapping[str, Decimal]
) -> dict[str, tuple[PriceBar, ...]]:
    """Return hourly bars by asset, of all symbols against USDT.

    Symbols with a fixed price have flat bars in every hour of the others.
    """
    found = {_asset(symbol): hourly_bars(bars) for symbol, bars in bars_by_symbol.items() if symbol.endswith("USDT")}
    hours = sorted({bar.opens_at for bars in found.values() for bar in bars})
    flat = {
        _asset(symbol): tuple(PriceBar(hour, price, price, price, price) for hour in hours)
        for symbol, price in fixed_prices.items()
        if symbol.endswith("USDT")
    }
    return {**flat, **found}


def _asset(symbol: str) -> str:
    return symbol.removesuffix("USDT")


def _has_moved(before: Decimal | None, level: Decimal) -> bool:
    if before is None or not (before.is_finite() and level.is_finite()):
        return before != level
    return before > 0 and abs(level / before - ONE) >= MAX_LEVEL_MOVE
