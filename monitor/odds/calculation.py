"""The one calculation of odds: a liquidation unit through every window of the past.

A window begins at a full hour, with the close of the hour before; from there prices move as they moved then, all assets
together. In each hour an asset has the extreme that is worse for the level: its low where a fall lowers the level (held
net), its high where a rise does (owed net). The interest of an hour is charged at the beginning of the hour.

Floats find the windows that matter. What is stated of them is computed again in Decimal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from monitor.core.margin.odds_question import OddsQuestion
from monitor.core.model.odds import DAY, MIN_HISTORY, OddsAnswer, OddsUnavailable, WindowOdds, WorstWindow
from monitor.core.model.price_history import HOUR
from monitor.core.numbers.amounts import ZERO
from monitor.core.numbers.durations import format_duration
from monitor.odds.exact_levels import ExactLevels
from monitor.odds.past import HourlyPast
from monitor.odds.price_grid import AssetGrid, Booleans, build_grid
from monitor.odds.remedies import find_remedies
from monitor.odds.window_survey import WindowSurvey, survey_fan, survey_windows

IMPORTANT_SHARE = Decimal("0.01")
"""Share of what is held, or of what is owed, above which an asset is important."""

MAX_STILL_SHARE = Decimal("0.05")
"""Share of what is held, or owed, that assets without a history may have together: their prices stand still."""

PERCENTILES = (1, 5, 50)

HOURS_A_DAY = 24

NEAR = 1e-9
"""Relative distance from the liquidation level within which floats do not decide."""


def measure_odds(
    question: OddsQuestion,
    past: HourlyPast,
    windows: Sequence[timedelta],
    targets: Sequence[Decimal] = (),
    min_history: timedelta = MIN_HISTORY,
    *,
    with_fan: bool = False,
) -> tuple[OddsAnswer, ...]:
    """Return the odds for each length of window. `targets` are odds that a remedy is to reach; ZERO: all survived.

    An important asset without `min_history` makes the odds unavailable. Raises ValueError for a window that is not a
    positive whole number of hours, and for targets outside of 0 to 1.
    """
    lengths = [_whole_hours(window) for window in windows]
    if any(not ZERO <= target <= 1 for target in targets):
        raise ValueError("odds to reach must be between 0 and 1")
    if question.owes_nothing:
        return tuple(WindowOdds(window, 0, 0) for window in windows)
    if not question.is_measurable:
        return tuple(OddsUnavailable(window, "the level, or a price, is unknown") for window in windows)
    grid = build_grid(past, (position.asset for position in question.positions if not position.is_still))
    lacking = _assets_without_history(question, grid, min_history)
    important = _important_assets(question)
    has_bars = _hours_with_bars(grid, important, past.hours)
    reason = _missing_history(question, lacking, important, has_bars, min_history)
    if reason:
        return tuple(OddsUnavailable(window, reason, lacking) for window in windows)
    moving = {asset: prices for asset, prices in grid.items() if asset not in lacking}
    for asset in moving.keys() - important:
        moving[asset].fill_holes()
    surveys = survey_windows(question, moving, past.hours, lengths, with_remedies=bool(targets))
    exact = ExactLevels(question, moving)
    answers: list[OddsAnswer] = []
    for window, length in zip(windows, lengths, strict=True):
        starts = np.flatnonzero(_complete_windows(has_bars, length))
        if not len(starts):
            answers.append(OddsUnavailable(window, "no window of this length has all bars", lacking))
            continue
        answer = _answer(window, past, surveys[length], starts, exact, lacking, targets)
        if with_fan and answer.worst is not None:
            worst = (answer.worst.since - past.since) // HOUR - 1
            answer = replace(answer, fan=survey_fan(question, moving, past.hours, length, starts, worst))
        answers.append(answer)
    return tuple(answers)


def _answer(
    window: timedelta,
    past: HourlyPast,
    survey: WindowSurvey,
    starts: NDArray[np.int64],
    exact: ExactLevels,
    lacking: tuple[str, ...],
    targets: Sequence[Decimal],
) -> WindowOdds:
    levels, hours = survey.lowest_level.values[starts], survey.lowest_level.hours[starts]
    order = np.argsort(levels, kind="stable")

    def exact_level(rank: int) -> Decimal:
        return exact.level(int(starts[order[rank]]), int(hours[order[rank]]))

    count = len(starts)
    bound = float(exact.question.liquidation_level)
    surely = int((levels < bound * (1 - NEAR)).sum())
    unsure = int((levels <= bound * (1 + NEAR)).sum())
    touched = [int(n) for n in order[:surely]]
    touched += [int(n) for n in order[surely:unsure] if exact.is_touched(int(starts[n]), int(hours[n]))]
    worst, lowest = int(starts[order[0]]), int(hours[order[0]])
    opens_at = past.since + HOUR * (worst + 1)
    return WindowOdds(
        window=window,
        windows=count,
        liquidated=len(touched),
        worst=WorstWindow(
            since=opens_at,
            until=opens_at + window,
            lowest_at=opens_at + HOUR * max(0, lowest - 1),
            level=exact_level(0),
            moves=exact.moves(worst, lowest),
        ),
        level_percentiles={percent: exact_level(-(-count * percent // 100) - 1) for percent in PERCENTILES},
        assets_without_history=lacking,
        past_since=past.since + HOUR * int(starts[0]),
        past_until=past.since + HOUR * (int(starts[-1]) + window // HOUR + 1),
        remedies=find_remedies(targets, survey, starts, exact),
        days=_days_covered(starts, window // HOUR, past.hours),
        days_liquidated=len({(past.since + HOUR * int(starts[n] + hours[n])).date() for n in touched}),
    )


def _days_covered(starts: NDArray[np.int64], length: int, hours: int) -> int:
    """Return how many days the hours of all windows are together, rounded, at least one."""
    edges = np.zeros(hours + 1, dtype=np.int64)
    np.add.at(edges, starts + 1, 1)
    np.add.at(edges, starts + length + 1, -1)
    return max(1, round(int((np.cumsum(edges) > 0).sum()) / HOURS_A_DAY))


def _whole_hours(window: timedelta) -> int:
    hours, rest = divmod(window, HOUR)
    if rest or hours < 1:
        raise ValueError("a window must be a whole number of hours, at least one")
    return hours


def _assets_without_history(
    question: OddsQuestion, grid: Mapping[str, AssetGrid], min_history: timedelta
) -> tuple[str, ...]:
    """Return the assets held or owed with less than `min_history` of bars; USDT needs none."""
    needed = min_history // HOUR
    return tuple(
        row.asset
        for row in question.positions
        if (row.held or row.owed) and not row.is_still and (row.asset not in grid or grid[row.asset].hours < needed)
    )


def _important_assets(question: OddsQuestion) -> frozenset[str]:
    assets, liabilities = question.totals
    return frozenset(
        row.asset
        for row in question.positions
        if not row.is_still
        and (row.held * row.price > IMPORTANT_SHARE * assets or row.owed * row.price > IMPORTANT_SHARE * liabilities)
    )


def _hours_with_bars(grid: Mapping[str, AssetGrid], important: frozenset[str], hours: int) -> Booleans:
    """Return the hours in which every important asset has a bar."""
    found = np.ones(hours, dtype=np.bool_)
    for asset in important & grid.keys():
        found &= grid[asset].has_bar
    return found


def _missing_history(
    question: OddsQuestion,
    lacking: tuple[str, ...],
    important: frozenset[str],
    has_bars: Booleans,
    min_history: timedelta,
) -> str:
    """Return why the past is too short for odds; empty when it is not."""
    least = f"{min_history.days} days" if not min_history % DAY else format_duration(min_history)
    blocking = [asset for asset in lacking if asset in important]
    if blocking:
        return f"less than {least} of past prices of {', '.join(blocking)}"
    assets, liabilities = question.totals
    rows = [row for row in question.positions if row.asset in lacking]
    held = sum((row.held * row.price for row in rows), ZERO)
    owed = sum((row.owed * row.price for row in rows), ZERO)
    if held > MAX_STILL_SHARE * assets or owed > MAX_STILL_SHARE * liabilities:
        return f"less than {least} of past prices of {', '.join(lacking)}, which together weigh too much"
    if int(has_bars.sum()) < min_history // HOUR:
        return f"less than {least} in which all assets have past prices"
    return ""


def _complete_windows(has_bars: Booleans, length: int) -> Booleans:
    """Return for each start, the hour of the price at the beginning, whether all bars of the window are there."""
    lacking = np.concatenate(([0], np.cumsum(~has_bars)))
    complete: Booleans = lacking[length + 1 :] == lacking[: -(length + 1)]
    return complete
