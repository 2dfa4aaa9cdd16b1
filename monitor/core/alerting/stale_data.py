"""What can be said while nothing is seen: the last known level, and what a move since would have made of it."""

from decimal import Decimal

from monitor.core.margin.levels import Exposure, Position, exposure
from monitor.core.metrics.snapshot import Sight
from monitor.core.metrics.value_text import notice_text, value_text
from monitor.core.model.metric_values import Figures
from monitor.core.numbers.amounts import ONE
from monitor.core.numbers.durations import seconds_between

MOVE = Decimal("0.05")
"""How far the market is supposed to have moved: BTC's worst minute of 2025-10-10 was -6.15 %."""

_ONE_POLL = Decimal(1)
"""Scopes whose reads are this close (in seconds) to the most overdue one are as blind as that one."""


def blind_text(sight: Sight, age: Decimal) -> str:
    """Such as `blind for 1m 30s; last level 1.62; a 5 % fall would be 1.54`, about the scope nearest to liquidation.

    Of the scopes that were not read for `age` seconds. What the exchange said meanwhile is told with it.
    """
    notice = sight.state.picture.notice if sight.settings.cross else None
    return "; ".join([_seen_text(sight, age), *([notice_text(notice)] if notice is not None else [])])


def _seen_text(sight: Sight, age: Decimal) -> str:
    start = f"blind for {value_text('data_age', age)}"
    seen = [figures for figures in map(sight.of, sight.margin) if figures.as_of is not None]
    blind = [figures for figures in seen if _age(figures, sight) >= age - _ONE_POLL] or seen
    known = [figures for figures in blind if isinstance(figures.shown.get("margin_level"), Decimal)]
    if not known:
        return f"{start}; no level is known"
    worst = min(known, key=_danger)
    level = worst.shown["margin_level"]
    assert isinstance(level, Decimal)
    if not level.is_finite():
        return f"{start}; nothing was owed"
    of = f" of {worst.subject}" if worst.subject else ""
    return "; ".join([start, f"last level{of} {_shown(level)}", *_worst_case(worst, level, sight)])


def _worst_case(figures: Figures, level: Decimal, sight: Sight) -> list[str]:
    """The level after the worse of a fall and a rise of all that is not stable; nothing where a price is missing."""
    positions = [
        Position(h.balance.asset, h.balance.held, h.balance.owed, h.price)
        for h in figures.holdings
        if h.price is not None
    ]
    parts = exposure(positions, sight.settings.stable_assets)
    own = parts.totals
    if len(positions) < len(figures.holdings) or own.liabilities <= 0 or own.assets <= 0:
        return []
    # The exchange acts on its own level: ours moves it.
    moves = {word: level * _moved(parts, factor) / own.level for word, factor in _FACTORS.items()}
    word = min(moves, key=moves.__getitem__)
    return [f"a {MOVE * 100:.0f} % {word} would be {_shown(moves[word])}"]


_FACTORS = {"fall": ONE - MOVE, "rise": ONE + MOVE}


def _moved(parts: Exposure, factor: Decimal) -> Decimal:
    return Exposure(
        parts.stable_assets,
        parts.stable_liabilities,
        parts.volatile_assets * factor,
        parts.volatile_liabilities * factor,
    ).totals.level


def _age(figures: Figures, sight: Sight) -> Decimal:
    assert figures.as_of is not None
    return seconds_between(figures.as_of, sight.now)


def _danger(figures: Figures) -> tuple[bool, Decimal, Decimal]:
    """The nearer to liquidation, the smaller; by the level where the distance is not known."""
    distance, level = figures.shown.get("distance_to_liquidation"), figures.shown["margin_level"]
    assert isinstance(level, Decimal)
    if isinstance(distance, Decimal):
        return (False, distance, level)
    return (True, level, level)


def _shown(level: Decimal) -> str:
    return value_text("margin_level", level)
