"""Exact figures of one hour of one window."""

from collections.abc import Mapping
from decimal import Decimal

from monitor.core.margin.levels import Totals
from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.odds.price_grid import AssetGrid


class ExactLevels:
    """The question's figures in any hour of any window. A `start` is the hour of the price at the beginning.

    Hour 1 of a window is the hour after `start`; hour 0 is the beginning itself.
    """

    def __init__(self, question: OddsQuestion, moving: Mapping[str, AssetGrid]) -> None:
        self.question = question
        self._bound = question.own_liquidation_level
        self._scale = question.level / question.totals.level
        self._moving = moving
        self._which = {
            row.asset: "lows" if question.worse_side(row) == "below" else "highs"
            for row in question.positions
            if row.asset in moving
        }

    def totals(self, start: int, hour: int) -> Totals:
        """Return the value held and owed, with the interest charged by then."""
        assets = liabilities = ZERO
        for row in self.question.positions:
            price = row.price * self.factor(row, start, hour)
            assets += row.held * price
            liabilities += (row.owed + row.borrowed * row.hourly_rate * hour) * price
        return Totals(assets, liabilities)

    def level(self, start: int, hour: int) -> Decimal:
        """Return the level as the exchange would have it; at the beginning its own."""
        return self.totals(start, hour).level * self._scale if hour else self.question.level

    def is_touched(self, start: int, hour: int) -> bool:
        """Return whether the level is at liquidation, or below."""
        return self.level(start, hour) <= self.question.liquidation_level

    def bring_in(self, start: int, hour: int) -> Decimal:
        """Return the USDT with which the level would be exactly at liquidation; negative when it is above."""
        sums = self.totals(start, hour)
        return self._bound * sums.liabilities - sums.assets

    def repay(self, start: int, hour: int) -> Decimal:
        """Return the amount of the largest debt without which the level would be exactly at liquidation."""
        debt = self.question.largest_debt
        return self.bring_in(start, hour) / (self._bound * debt.price * self.factor(debt, start, hour))

    def moves(self, start: int, hour: int) -> Mapping[str, Decimal]:
        """Return the price move of each asset that has a history, by that hour."""
        rows = (row for row in self.question.positions if row.asset in self._moving)
        return {row.asset: self.factor(row, start, hour) - ONE for row in rows}

    def factor(self, row: OddsPosition, start: int, hour: int) -> Decimal:
        """Return the asset's price in that hour as a factor on its price at the beginning."""
        prices = self._moving.get(row.asset)
        if prices is None or not hour:
            return ONE
        return prices.exact(self._which[row.asset], start + hour) / prices.exact("closes", start)
