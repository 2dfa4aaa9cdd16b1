"""What a shock would do to one scope: the level after it, whether it liquidates, and what would have survived it.

A shock moves each asset by a fraction of its price. All prices go their way in step, so the level moves in one
direction only from here to there: what is above the bar at both ends is above it on the whole way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from monitor.core.margin.levels import Position, Totals, sum_positions
from monitor.core.margin.liquidation import LiquidationPrice, liquidation_price
from monitor.core.margin.stress_scenarios import StressScenario
from monitor.core.model.metric_values import LiquidationSide
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO

SURVIVAL_OVER_LIQUIDATION = Decimal("1.05")
"""Survived means that the level keeps five per cent above the bar."""


@dataclass(frozen=True, slots=True)
class Shock:
    """Moves of prices as fractions, negative for a fall. What an asset is named for goes before all else.

    `drop` (positive) is the fall of everything that is not stable. With a `crash` too, each asset falls by the larger.
    """

    drop: Decimal = ZERO
    scenario: StressScenario | None = None
    moves_by_asset: Mapping[str, Decimal] = field(default_factory=dict)

    def move(self, asset: str, stables: frozenset[str], pegs: Mapping[str, str]) -> Decimal:
        """How far the price of the asset moves. USDT is what prices are told in and never does."""
        if asset == "USDT":
            return ZERO
        if asset in self.moves_by_asset:
            return self.moves_by_asset[asset]
        fall = ZERO if asset in stables else -self.drop
        return fall if self.scenario is None else min(fall, self.scenario.move(asset, stables, pegs))


@dataclass(frozen=True, slots=True)
class StressPortfolio:
    """One scope as it stands, in USDT. `level` is the exchange's own, which ours is scaled to; `bar` liquidates."""

    positions: tuple[Position, ...]
    level: Decimal
    liquidation_level: Decimal

    @property
    def totals(self) -> Totals:
        return sum_positions(self.positions)

    def own_level(self, level: Decimal) -> Decimal:
        """What our own valuation shows where the exchange's shows `level`."""
        return level * self.totals.level / self.level

    def after_moves(self, moves: Mapping[str, Decimal]) -> "StressPortfolio":
        """The same holdings after the moves of their prices, and the level that this makes."""
        moved = tuple(
            replace(position, price=position.price * (ONE + moves.get(position.asset, ZERO)))
            for position in self.positions
        )
        level = sum_positions(moved).level
        return StressPortfolio(
            moved, level if level == INFINITE else level * self.level / self.totals.level, self.liquidation_level
        )


@dataclass(frozen=True, slots=True)
class AssetMove:
    """One asset's price, and by which fraction it must move alone."""

    asset: str
    price: Decimal
    move: Decimal
    liquidation_side: LiquidationSide | None


@dataclass(frozen=True, slots=True)
class ShockOutcome:
    """What a shock does. `to_survive`: USDT of collateral brought in beforehand that keep the level over the bar.

    `reached_at`: the part of the shock after which the bar is met; ZERO is now, INFINITE never on this way.
    """

    level_after: Decimal
    is_liquidated: bool
    to_survive: Decimal
    reached_at: Decimal
    nearest_asset_move: AssetMove | None


def is_measurable(portfolio: StressPortfolio) -> bool:
    """Whether anything can be said: something is owed, and something held."""
    sums = portfolio.totals
    return sums.liabilities > ZERO and sums.assets > ZERO and ZERO < portfolio.level < INFINITE


def simulate_shock(portfolio: StressPortfolio, moves: Mapping[str, Decimal], stables: frozenset[str]) -> ShockOutcome:
    """What the moves do to a portfolio that `is_measurable`."""
    after = portfolio.after_moves(moves)
    sums = after.totals
    bar = portfolio.own_level(portfolio.liquidation_level)
    return ShockOutcome(
        level_after=after.level,
        is_liquidated=min(portfolio.level, after.level) <= portfolio.liquidation_level,
        to_survive=max(ZERO, bar * SURVIVAL_OVER_LIQUIDATION * sums.liabilities - sums.assets),
        reached_at=shock_to_level(portfolio.positions, moves, bar),
        nearest_asset_move=find_nearest_asset_move(portfolio, portfolio.liquidation_level, stables),
    )


def shock_to_level(positions: Sequence[Position], moves: Mapping[str, Decimal], level: Decimal) -> Decimal:
    """The part of the moves (may exceed 1) after which the level of these positions is `level`.

    ZERO when it is there already; INFINITE when no part of them leads there, or nothing is owed.
    """
    sums = sum_positions(positions)
    if sums.liabilities <= ZERO:
        return INFINITE
    room = sums.assets - level * sums.liabilities
    if room <= ZERO:
        return ZERO
    slope = sum(
        ((position.held - level * position.owed) * position.price * moves.get(position.asset, ZERO))
        for position in positions
    )
    return -room / slope if slope < ZERO else INFINITE


def find_nearest_asset_move(portfolio: StressPortfolio, level: Decimal, stables: frozenset[str]) -> AssetMove | None:
    """The asset whose price has to move least, all others unmoved, for the exchange's level to be `level`.

    None when no single price does it, or it is there already. Stable assets keep their value.
    """
    sums, own = portfolio.totals, portfolio.own_level(level)
    found = [
        AssetMove(position.asset, end.price, end.price / position.price - ONE, end.side)
        for position in portfolio.positions
        if position.asset and position.asset not in stables and position.price > ZERO
        if (end := _future_liquidation_price(position, sums, own)) is not None
    ]
    return min(found, key=lambda one: abs(one.move), default=None)


def _future_liquidation_price(position: Position, sums: Totals, level: Decimal) -> LiquidationPrice | None:
    end = liquidation_price(position, sums, level)
    return None if end is None or end.is_reached else end
