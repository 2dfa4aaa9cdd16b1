"""Positions and past prices of the tests of odds, and their brute-force answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.model.price_history import HOUR, PriceBar
from monitor.odds.past import HourlyPast, build_past

START = datetime(2025, 2, 3, tzinfo=UTC)
NO_MINIMUM = timedelta()

Bar = tuple[str, str, str]
"""Low, high and close."""


def position(asset: str, price: str, held: str = "0", borrowed: str = "0", rate: str = "0") -> OddsPosition:
    return OddsPosition(asset, Decimal(held), Decimal(borrowed), Decimal(0), Decimal(price), Decimal(rate))


def question(*positions: OddsPosition, level: str = "", liquidation: str = "1.25") -> OddsQuestion:
    """The question with the exchange's `level`, by default that of our own valuation."""
    own = OddsQuestion(positions, Decimal(1), Decimal(liquidation)).totals.level
    return OddsQuestion(positions, Decimal(level) if level else own, Decimal(liquidation))


def hour_bars(bars: Sequence[Bar | None], start: datetime = START) -> list[PriceBar]:
    found = enumerate(bars)
    return [price_bar(start + HOUR * hour, *map(Decimal, bar)) for hour, bar in found if bar is not None]


def price_bar(opens_at: datetime, low: Decimal, high: Decimal, close: Decimal) -> PriceBar:
    return PriceBar(opens_at, close, high, low, close)


def past_of(**bars: Sequence[Bar | None]) -> HourlyPast:
    hours = max(len(column) for column in bars.values())
    return build_past({asset: hour_bars(column) for asset, column in bars.items()}, START, START + HOUR * hours)


def still(price: str, hours: int) -> list[Bar]:
    """Bars of a price that does not move."""
    return [(price, price, price)] * hours


class BruteForce(NamedTuple):
    """Lowest level of each window, and the index of its first hour."""

    levels: list[Decimal]
    starts: list[int]


def brute_force(asked: OddsQuestion, bars: Mapping[str, Sequence[Bar | None]], hours: int, window: int) -> BruteForce:
    """Walk every window hour by hour, asset by asset, in Decimal, as docs/guide/odds.md describes it."""
    own = sum((p.held * p.price for p in asked.positions), Decimal(0)) / sum(
        (p.owed * p.price for p in asked.positions), Decimal(0)
    )
    bound = asked.liquidation_level * own / asked.level
    found = BruteForce([], [])
    for first in range(1, hours - window + 1):
        lowest = asked.level
        if any(
            bars[p.asset][n] is None
            for p in asked.positions
            if p.asset in bars
            for n in range(first - 1, first + window)
        ):
            continue
        for hour in range(1, window + 1):
            held = owed = Decimal(0)
            for p in asked.positions:
                factor = Decimal(1)
                if p.asset in bars:
                    bar, before = bars[p.asset][first + hour - 1], bars[p.asset][first - 1]
                    assert bar is not None and before is not None
                    factor = Decimal(bar[0] if p.held >= bound * p.owed else bar[1]) / Decimal(before[2])
                held += p.held * p.price * factor
                owed += (p.owed + p.borrowed * p.hourly_rate * hour) * p.price * factor
            lowest = min(lowest, held / owed * asked.level / own)
        found.levels.append(lowest)
        found.starts.append(first)
    return found
