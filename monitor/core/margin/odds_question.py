"""One liquidation unit as it stands, for the odds of its liquidation."""

from dataclasses import dataclass, field
from decimal import Decimal

from monitor.core.margin.levels import Position, Totals, sum_positions
from monitor.core.margin.liquidation import liquidation_side
from monitor.core.model.metric_values import LiquidationSide
from monitor.core.numbers.amounts import INFINITE, ZERO


@dataclass(frozen=True, slots=True)
class OddsPosition:
    """Held and owed amounts of one asset, its price in USDT, and the interest that its debt bears.

    `held` is free and locked. `hourly_rate` is a fraction of `borrowed`; interest bears no interest. `is_rest`: assets
    without a price, named together, worth what the exchange's totals have beyond all others.
    """

    asset: str
    held: Decimal
    borrowed: Decimal
    interest: Decimal
    price: Decimal
    hourly_rate: Decimal = ZERO
    is_rest: bool = field(default=False, kw_only=True)

    @property
    def owed(self) -> Decimal:
        """The liability: principal and accrued interest."""
        return self.borrowed + self.interest

    @property
    def is_still(self) -> bool:
        """True for the unit of account, whose price never moves."""
        return self.asset == "USDT"


@dataclass(frozen=True, slots=True)
class OddsQuestion:
    """One liquidation unit as it stands.

    One position an asset. `level` is the exchange's own, INFINITE when nothing is owed; our own valuation is scaled to
    it. Isolated pairs, too, are valued in USDT.
    """

    positions: tuple[OddsPosition, ...]
    level: Decimal
    liquidation_level: Decimal

    @property
    def owes_nothing(self) -> bool:
        return not any(position.owed for position in self.positions)

    @property
    def is_measurable(self) -> bool:
        """Return whether levels can be computed: something is owed and held, at known prices."""
        sums = self.totals
        known = all(row.price > ZERO for row in self.positions if row.held or row.owed)
        return known and sums.assets > ZERO and sums.liabilities > ZERO and ZERO < self.level < INFINITE

    @property
    def totals(self) -> Totals:
        """Value of everything held and of everything owed, by our own valuation."""
        return sum_positions(Position(row.asset, row.held, row.owed, row.price) for row in self.positions)

    @property
    def own_liquidation_level(self) -> Decimal:
        """Level of our own valuation at which the exchange's is `liquidation_level`. Needs `is_measurable`."""
        return self.liquidation_level * self.totals.level / self.level

    @property
    def largest_debt(self) -> OddsPosition:
        """The position with the most owed, by value. Needs a position."""
        return max(self.positions, key=lambda row: row.owed * row.price)

    def worse_side(self, position: OddsPosition) -> LiquidationSide:
        """Return the side on which a move of the asset's price leads to liquidation: "below" where none matters."""
        return liquidation_side(position.held, position.owed, self.own_liquidation_level) or "below"
