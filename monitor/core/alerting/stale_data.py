"""Summary of a stale-data alert: the last known margin level, and the level after an assumed market move."""

from decimal import Decimal

from monitor.core.margin.levels import Exposure, Position, split_exposure
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.metrics.value_text import notice_text, value_text
from monitor.core.model.metric_values import MetricValues
from monitor.core.numbers.amounts import ONE
from monitor.core.numbers.durations import seconds_between

ASSUMED_MOVE = Decimal("0.05")
"""Assumed move of the market while data are stale: BTC's worst minute of 2025-10-10 was -6.15 %."""

_SAME_AGE_S = Decimal(1)
"""Seconds: scopes whose reads are this close in age to the oldest read count as equally stale."""


def stale_summary(snapshot: MetricsSnapshot, age: Decimal) -> str:
    """Summary such as `blind for 1m 30s; last level 1.62; a 5 % fall would be 1.54`.

    Its subject is the scope nearest to liquidation among those not read for `age` seconds. A notice that the exchange
    sent meanwhile is added.
    """
    notice = snapshot.state.live_balances.notice if snapshot.settings.cross else None
    return "; ".join([_last_level_text(snapshot, age), *([notice_text(notice)] if notice is not None else [])])


def _last_level_text(snapshot: MetricsSnapshot, age: Decimal) -> str:
    start = f"blind for {value_text('data_age', age)}"
    known_scopes = [figures for figures in map(snapshot.get, snapshot.margin_subjects) if figures.as_of is not None]
    stale_scopes = [
        figures for figures in known_scopes if _age_s(figures, snapshot) >= age - _SAME_AGE_S
    ] or known_scopes
    with_level = [figures for figures in stale_scopes if isinstance(figures.display.get("margin_level"), Decimal)]
    if not with_level:
        return f"{start}; no level is known"
    worst = min(with_level, key=_danger_rank)
    level = worst.display["margin_level"]
    assert isinstance(level, Decimal)
    if not level.is_finite():
        return f"{start}; nothing was owed"
    of = f" of {worst.subject}" if worst.subject else ""
    return "; ".join([start, f"last level{of} {_level_text(level)}", *_worst_case(worst, level, snapshot)])


def _worst_case(metrics: MetricValues, level: Decimal, snapshot: MetricsSnapshot) -> list[str]:
    """Text of the level after a fall or a rise of all assets that are not stable, whichever is worse.

    Empty if a price is missing or nothing is held or owed.
    """
    positions = [
        Position(h.balance.asset, h.balance.held, h.balance.owed, h.price)
        for h in metrics.holdings
        if h.price is not None
    ]
    scope_exposure = split_exposure(positions, snapshot.settings.stable_assets)
    own = scope_exposure.totals
    if len(positions) < len(metrics.holdings) or own.liabilities <= 0 or own.assets <= 0:
        return []
    # The exchange acts on its own level, so our level gives only the factor by which its level changes.
    moves = {word: level * _level_after_move(scope_exposure, factor) / own.level for word, factor in _FACTORS.items()}
    word = min(moves, key=moves.__getitem__)
    return [f"a {ASSUMED_MOVE * 100:.0f} % {word} would be {_level_text(moves[word])}"]


_FACTORS = {"fall": ONE - ASSUMED_MOVE, "rise": ONE + ASSUMED_MOVE}


def _level_after_move(exposure: Exposure, factor: Decimal) -> Decimal:
    return Exposure(
        exposure.stable_assets,
        exposure.stable_liabilities,
        exposure.volatile_assets * factor,
        exposure.volatile_liabilities * factor,
    ).totals.level


def _age_s(metrics: MetricValues, snapshot: MetricsSnapshot) -> Decimal:
    assert metrics.as_of is not None
    return seconds_between(metrics.as_of, snapshot.now)


def _danger_rank(metrics: MetricValues) -> tuple[bool, Decimal, Decimal]:
    """Sort key: the nearer to liquidation, the smaller. A scope of unknown distance is ranked by its level, last."""
    distance, level = metrics.display.get("distance_to_liquidation"), metrics.display["margin_level"]
    assert isinstance(level, Decimal)
    if isinstance(distance, Decimal):
        return (False, distance, level)
    return (True, level, level)


def _level_text(level: Decimal) -> str:
    return value_text("margin_level", level)
