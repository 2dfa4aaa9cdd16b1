"""Levels of all windows at once, in floats: the lowest of each window and its hour, and percentiles of every hour."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.model.odds import LevelFan
from monitor.odds.price_grid import AssetGrid, Booleans, Floats

FAN_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


class WindowExtreme:
    """The most extreme value of each window so far, and the hour in which the window has it; hour 0: its beginning."""

    def __init__(self, values: Floats, hours: NDArray[np.int64]) -> None:
        self.values = values
        self.hours = hours

    def update(self, better: Booleans, values: Floats, hour: int) -> None:
        """Replace the values of the first windows, as many as there are `values`, where they are `better`."""
        self.values[: len(values)][better] = values[better]
        self.hours[: len(values)][better] = hour

    def first(self, count: int) -> "WindowExtreme":
        """Return a copy of the first windows."""
        return WindowExtreme(self.values[:count].copy(), self.hours[:count].copy())


@dataclass(frozen=True, slots=True)
class WindowSurvey:
    """Extremes of all windows of one length, by the hour of their price at the beginning.

    `bring_in` is the value in USDT that a window lacks at liquidation, `repay` the amount of the largest debt; None
    where no remedy is asked for.
    """

    lowest_level: WindowExtreme
    bring_in: WindowExtreme | None = None
    repay: WindowExtreme | None = None


def survey_windows(
    question: OddsQuestion,
    moving: Mapping[str, AssetGrid],
    hours: int,
    lengths: Collection[int],
    *,
    with_remedies: bool = False,
) -> dict[int, WindowSurvey]:
    """Return the survey of each length in hours; windows that lack a bar have no meaning."""
    return _Survey(question, moving, hours).run(lengths, with_remedies=with_remedies)


def survey_fan(
    question: OddsQuestion,
    moving: Mapping[str, AssetGrid],
    hours: int,
    length: int,
    starts: NDArray[np.int64],
    worst: int,
) -> LevelFan:
    """Return the fan of the windows of `length` hours that begin at `starts`; `worst` is the start of one of them."""
    return _Survey(question, moving, hours).fan(length, starts, worst)


class _Survey:
    def __init__(self, question: OddsQuestion, moving: Mapping[str, AssetGrid], hours: int) -> None:
        rows = [row for row in question.positions if row.asset in moving]
        self._rows = rows
        self._hours = hours
        self._question = question
        self._bound = float(question.own_liquidation_level)
        self._scale = float(question.level / question.totals.level)
        self._still = _values([row for row in question.positions if row.asset not in moving]).sum(axis=1)
        self._weights = _values(rows)
        self._worse = np.array(
            [moving[row.asset].lows if question.worse_side(row) == "below" else moving[row.asset].highs for row in rows]
        ).reshape(len(rows), hours)
        closes = np.array([moving[row.asset].closes for row in rows]).reshape(len(rows), hours)
        self._per_price = 1 / closes
        debt = question.largest_debt
        self._debt_row = rows.index(debt) if debt in rows else None
        self._debt_price = float(debt.price)

    def run(self, lengths: Collection[int], *, with_remedies: bool) -> dict[int, WindowSurvey]:
        count = max(0, self._hours - 1)
        lowest = _constant(count, float(self._question.level))
        start = self._still + self._weights.sum(axis=1)
        lack = float(self._bound * start[1] - start[0])
        bring_in = _constant(count, lack)
        repay = _constant(count, lack / (self._bound * self._debt_price))
        found: dict[int, WindowSurvey] = {}
        with np.errstate(invalid="ignore"):
            for hour in range(1, max(lengths) + 1):
                windows = self._hours - hour
                if windows <= 0:
                    break
                moves, assets, liabilities = self._values_after(hour)
                levels = assets / liabilities * self._scale
                lowest.update(levels < lowest.values[:windows], levels, hour)
                if with_remedies:
                    lacks = self._bound * liabilities - assets
                    bring_in.update(lacks > bring_in.values[:windows], lacks, hour)
                    price = self._debt_price * (1 if self._debt_row is None else moves[self._debt_row])
                    amounts = lacks / (self._bound * price)
                    repay.update(amounts > repay.values[:windows], amounts, hour)
                if hour in lengths:
                    remedies = (bring_in.first(windows), repay.first(windows)) if with_remedies else (None, None)
                    found[hour] = WindowSurvey(lowest.first(windows), *remedies)
        return {length: found.get(length, WindowSurvey(_constant(0, 0.0))) for length in lengths}

    def fan(self, length: int, starts: NDArray[np.int64], worst: int) -> LevelFan:
        level = float(self._question.level)
        columns = [[level] * len(FAN_PERCENTILES)]
        path = [level]
        with np.errstate(invalid="ignore"):
            for hour in range(1, length + 1):
                _, assets, liabilities = self._values_after(hour)
                levels = assets / liabilities * self._scale
                columns.append(np.percentile(levels[starts], FAN_PERCENTILES, method="inverted_cdf").tolist())
                path.append(float(levels[worst]))
        rows = zip(*columns, strict=True)
        lines = {percent: _levels(row) for percent, row in zip(FAN_PERCENTILES, rows, strict=True)}
        return LevelFan(lines, _levels(path))

    def _values_after(self, hour: int) -> tuple[Floats, Floats, Floats]:
        """Return the moves of each window by that hour, a row an asset; the value held then, and the value owed."""
        windows = self._hours - hour
        moves = self._worse[:, hour : hour + windows] * self._per_price[:, :windows]
        sums = self._weights @ moves
        return moves, sums[0] + self._still[0], sums[1] + self._still[1] + hour * (sums[2] + self._still[2])


def _values(rows: list[OddsPosition]) -> Floats:
    """Return a column for each row: the value held, the value owed, and the interest of an hour, in USDT."""
    columns = [(row.held * row.price, row.owed * row.price, row.borrowed * row.hourly_rate * row.price) for row in rows]
    return np.array([[float(value) for value in column] for column in columns], dtype=np.float64).reshape(-1, 3).T


def _levels(values: Iterable[float]) -> tuple[Decimal, ...]:
    return tuple(Decimal(f"{value:.6f}") for value in values)


def _constant(count: int, value: float) -> WindowExtreme:
    return WindowExtreme(np.full(count, value, dtype=np.float64), np.zeros(count, dtype=np.int64))
