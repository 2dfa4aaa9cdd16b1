"""What cross and isolated figures have in common: bars, distances, values, and how fresh figures become a subject's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.account import INFINITE, ZERO, Bars, IsolatedPair, Tier
from monitor.core.figures import Figures, FigureState, Holding
from monitor.core.margin import Exposure, drop_to_level, rise_to_level
from monitor.core.metrics import Missing, Value, metrics_of
from monitor.core.state import Settings

UNAVAILABLE = Missing.UNAVAILABLE

DISTANCES = ("drop_to_liquidation", "rise_to_liquidation", "drop_to_margin_call", "distance_to_liquidation")
VALUES = ("assets_usdt", "liabilities_usdt", "equity_usdt")
BARS = ("initial_level", "margin_call_level", "liquidation_level")


@dataclass(frozen=True, slots=True)
class Level:
    """The best current level of a scope, and how it came about.

    `change_5m`: what prices alone did to it. `drift`: of our own level from the exchange's at the last poll.
    """

    value: Decimal
    is_live: bool
    change_5m: Value
    drift: Decimal | None


def cross_bars(bars: Bars | None) -> dict[str, Value]:
    """The account's own cross bars as figures."""
    if bars is None:
        return dict.fromkeys(BARS, UNAVAILABLE)
    return dict(zip(BARS, (bars.initial, bars.margin_call, bars.liquidation), strict=True))


def pair_bars(pair: IsolatedPair, tiers: tuple[Tier, ...], settings: Settings) -> dict[str, Value]:
    """The bars of an isolated pair as figures: those of the higher tier that its two debts need.

    The margin-call ratio is in no answer of the exchange: it comes from the table in the settings.
    """
    if not tiers:
        return dict.fromkeys(BARS, UNAVAILABLE)
    ordered = sorted(tiers, key=lambda tier: tier.number)
    fitting = (
        tier
        for tier in ordered
        if pair.base.borrowed <= tier.base_max_borrowable and pair.quote.borrowed <= tier.quote_max_borrowable
    )
    tier = next(fitting, ordered[-1])
    call = settings.isolated_margin_call.get(tier.liquidation, UNAVAILABLE)
    return dict(zip(BARS, (tier.initial, call, tier.liquidation), strict=True))


def distances(level: Decimal, parts: Exposure | None, bars: Mapping[str, Value]) -> dict[str, Value]:
    """How far the market may move before the exchange acts. `parts` is what is held and owed, None when not known.

    The exchange acts on its own level, so our valuation is scaled until it shows that one.
    """
    if not level.is_finite():
        return dict.fromkeys(DISTANCES, INFINITE)
    drop: Value = UNAVAILABLE
    rise: Value = UNAVAILABLE
    call: Value = UNAVAILABLE
    if parts is not None and level > ZERO and parts.totals.assets > ZERO and parts.totals.liabilities > ZERO:
        scale = level / parts.totals.level
        liquidation, margin_call = bars["liquidation_level"], bars["margin_call_level"]
        if isinstance(liquidation, Decimal):
            drop, rise = drop_to_level(parts, liquidation / scale), rise_to_level(parts, liquidation / scale)
        if isinstance(margin_call, Decimal):
            call = drop_to_level(parts, margin_call / scale)
    nearest = min(drop, rise) if isinstance(drop, Decimal) and isinstance(rise, Decimal) else UNAVAILABLE
    return dict(zip(DISTANCES, (drop, rise, call, nearest), strict=True))


def values_usdt(parts: Exposure | None, price: Decimal | None) -> dict[str, Value]:
    """What is held, owed and left, when `parts` are in a currency of which one costs `price` USDT."""
    if parts is None or price is None:
        return dict.fromkeys(VALUES, UNAVAILABLE)
    sums = parts.totals
    return dict(zip(VALUES, (sums.assets * price, sums.liabilities * price, sums.equity * price), strict=True))


def measured(
    kind: Literal["cross", "isolated"],
    subject: str,
    as_of: datetime,
    now: datetime,
    settings: Settings,
    level: Level,
    shown: dict[str, Value],
    list_holdings: Callable[[], tuple[Holding, ...]],
) -> Figures:
    """The figures of a scope that was read: without values for rules once the reading is stale."""
    stale = is_stale(as_of, settings, now)
    state: FigureState = "stale" if stale else "ok" if level.value.is_finite() else "no_debt"
    values = dict.fromkeys(shown, UNAVAILABLE) if stale else shown
    source: Literal["live", "poll"] = "live" if level.is_live else "poll"
    return Figures(kind, subject, state, as_of, source, values, shown, level.drift, list_holdings)


def never_read(kind: Literal["cross", "isolated"], subject: str, bars: Mapping[str, Value]) -> Figures:
    """The figures of a scope of which nothing but perhaps the bars is known."""
    values: dict[str, Value] = {metric.name: UNAVAILABLE for metric in metrics_of(kind)}
    values |= bars
    return Figures(kind, subject, "unavailable", None, "poll", values, values)


def is_stale(as_of: datetime, settings: Settings, now: datetime) -> bool:
    """Whether a snapshot is too old to be believed."""
    return now - as_of > settings.stale_after
