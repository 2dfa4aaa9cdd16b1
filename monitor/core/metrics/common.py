"""What cross and isolated figures have in common: bars, distances, values, and how fresh figures become a subject's."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from monitor.core.margin.levels import Exposure, Totals
from monitor.core.model.account import BarsInForce
from monitor.core.model.events import Noticed
from monitor.core.model.metric import Missing, Value, metrics_of
from monitor.core.model.metric_values import Figures, FigureState, Holding
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.core.state.account_settings import Settings

UNAVAILABLE = Missing.UNAVAILABLE

BARS = ("initial_level", "margin_call_level", "liquidation_level")


class Level(NamedTuple):
    """The best current level of a scope, and how it came about.

    `drift`: of our own level from the exchange's at the last poll.
    """

    value: Decimal
    is_live: bool
    drift: Decimal | None


def bar_values(in_force: BarsInForce | None) -> dict[str, Value]:
    """The bars of a scope as figures."""
    if in_force is None:
        return dict.fromkeys(BARS, UNAVAILABLE)
    bars = in_force.bars
    return dict(zip(BARS, (bars.initial, bars.margin_call, bars.liquidation), strict=True))


def move_to(reach: Callable[[Exposure, Decimal], Decimal], level: Decimal, parts: Exposure | None, bar: Value) -> Value:
    """How far the market may move before the exchange acts at `bar`, by `reach`, such as margin.drop_to_level.

    `parts` is what is held and owed, None when not known. The exchange acts on its own level, so our valuation is
    scaled until it shows that one.
    """
    if not level.is_finite():
        return INFINITE
    if parts is None or level <= ZERO or not isinstance(bar, Decimal):
        return UNAVAILABLE
    sums = parts.totals
    if sums.assets <= ZERO or sums.liabilities <= ZERO:
        return UNAVAILABLE
    return reach(parts, bar / (level / sums.level))


def value_usdt(value: Callable[[Totals], Decimal], parts: Exposure | None, price: Decimal | None) -> Value:
    """What is held, owed or left, by `value`, when `parts` are in a currency of which one costs `price` USDT."""
    return UNAVAILABLE if parts is None or price is None else value(parts.totals) * price


def measured(
    kind: Literal["cross", "isolated"],
    subject: str,
    as_of: datetime,
    now: datetime,
    settings: Settings,
    level: Level,
    shown: Mapping[str, Value],
    list_holdings: Callable[[], tuple[Holding, ...]],
    bars: BarsInForce | None = None,
) -> Figures:
    """The figures of a scope that was read: without values for rules once the reading is stale."""
    stale = is_stale(as_of, settings, now)
    state: FigureState = "stale" if stale else "ok" if level.value.is_finite() else "no_debt"
    values: Mapping[str, Value] = dict.fromkeys(shown, UNAVAILABLE) if stale else shown
    source: Literal["live", "poll"] = "live" if level.is_live else "poll"
    return Figures(kind, subject, state, as_of, source, values, shown, level.drift, list_holdings, bars)


def never_read(kind: Literal["cross", "isolated"], subject: str, bars: BarsInForce | None = None) -> Figures:
    """The figures of a scope of which nothing but perhaps the bars is known."""
    values: dict[str, Value] = {metric.name: UNAVAILABLE for metric in metrics_of(kind)}
    values |= bar_values(bars)
    return Figures(kind, subject, "unavailable", None, "poll", values, values, bars=bars)


def worse(level: Level, notice: Noticed | None, settings: Settings, now: datetime) -> Level:
    """The level, or what the exchange said of it since it was read, where that is worse."""
    if notice is None or notice.level >= level.value or is_stale(notice.at, settings, now):
        return level
    return level._replace(value=notice.level)


def with_notice(figures: Figures, notice: Noticed | None, settings: Settings, now: datetime) -> Figures:
    """The figures with the exchange's word; where nothing fresh was read, it is the level."""
    if notice is None or is_stale(notice.at, settings, now):
        return figures
    if figures.state not in ("stale", "unavailable"):
        return figures._replace(notice=notice)
    was = figures.shown.get("margin_level")
    level = min(notice.level, was) if isinstance(was, Decimal) else notice.level
    told: dict[str, Value] = {"margin_level": level, **bar_values(figures.bars)}
    return figures._replace(values={**figures.values, **told}, shown={**figures.shown, **told}, notice=notice)


def is_stale(as_of: datetime, settings: Settings, now: datetime) -> bool:
    """Whether a snapshot is too old to be believed."""
    return now - as_of > settings.stale_after
