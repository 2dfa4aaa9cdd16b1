"""The effect of a price shock on one scope: level, liquidation, collateral needed to survive.

A shock moves each asset by a fraction of its price. All prices move in proportion, so the level changes in one
direction only: a level above the threshold at both ends stays above it all the way.
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
"""Factor on the liquidation level that counts as survival: the level stays five per cent above it."""


@dataclass(frozen=True, slots=True)
class Shock:
    """Moves of prices as fractions, negative for a fall. `moves_by_asset` has precedence over all else.

    `drop` (positive) is the fall of every asset that is not stable. With a `scenario` too, each asset falls by the
    larger.
    """

    drop: Decimal = ZERO
    scenario: StressScenario | None = None
    moves_by_asset: Mapping[str, Decimal] = field(default_factory=dict)

    def move(self, asset: str, stables: frozenset[str], pegs: Mapping[str, str]) -> Decimal:
        """Return the fraction by which the price of the asset moves. USDT never moves: prices are in USDT."""
        if asset == "USDT":
            return ZERO
        if asset in self.moves_by_asset:
            return self.moves_by_asset[asset]
        fall = ZERO if asset in stables else -self.drop
        return fall if self.scenario is None else min(fall, self.scenario.move(asset, stables, pegs))


@dataclass(frozen=True, slots=True)
class StressPortfolio:
    """One scope as it is now, in USDT.

    `level` is the exchange's own; the own valuation is scaled to it. The scope is liquidated at `liquidation_level`.
    """

    positions: tuple[Position, ...]
    level: Decimal
    liquidation_level: Decimal

    @property
    def totals(self) -> Totals:
        return sum_positions(self.positions)

    def own_level(self, level: Decimal) -> Decimal:
        """Return the level of our own valuation at which the exchange's level is `level`."""
        return level * self.totals.level / self.level

    def after_moves(
        self, moves: Mapping[str, Decimal], interest: Mapping[str, Decimal] | None = None
    ) -> "StressPortfolio":
        """Return the same holdings after the price moves and the interest of each asset, with the resulting level."""
        charged = interest or {}
        moved = tuple(
            replace(
                position,
                owed=position.owed + charged.get(position.asset, ZERO),
                price=position.price * (ONE + moves.get(position.asset, ZERO)),
            )
            for position in self.positions
        )
        level = sum_positions(moved).level
        return StressPortfolio(
            moved, level if level == INFINITE else level * self.level / self.totals.level, self.liquidation_level
        )


@dataclass(frozen=True, slots=True)
class AssetMove:
    """One asset's price, and the fraction by which it must move alone."""

    asset: str
    price: Decimal
    move: Decimal
    liquidation_side: LiquidationSide | None


@dataclass(frozen=True, slots=True)
class ShockOutcome:
    """The effect of a shock.

    `to_survive`: USDT of collateral that must be brought in beforehand to keep the level above liquidation.
    `reached_at`: the part of the shock after which liquidation is reached; ZERO is now, INFINITE never during this
    shock.
    """

    level_after: Decimal
    is_liquidated: bool
    to_survive: Decimal
    reached_at: Decimal
    nearest_asset_move: AssetMove | None


def is_measurable(portfolio: StressPortfolio) -> bool:
    """Return whether a shock can be computed: something is owed, and something held."""
    sums = portfolio.totals
    return sums.liabilities > ZERO and sums.assets > ZERO and ZERO < portfolio.level < INFINITE


def simulate_shock(
    portfolio: StressPortfolio,
    moves: Mapping[str, Decimal],
    stables: frozenset[str],
    interest: Mapping[str, Decimal] | None = None,
) -> ShockOutcome:
    """Return the effect of the moves on a portfolio that `is_measurable`.

    `interest` is charged during the shock, by asset; for `reached_at`, before it.
    """
    after = portfolio.after_moves(moves, interest)
    charged = portfolio.after_moves({}, interest)
    sums = after.totals
    own_liquidation = portfolio.own_level(portfolio.liquidation_level)
    return ShockOutcome(
        level_after=after.level,
        is_liquidated=min(portfolio.level, after.level) <= portfolio.liquidation_level,
        to_survive=max(ZERO, own_liquidation * SURVIVAL_OVER_LIQUIDATION * sums.liabilities - sums.assets),
        reached_at=shock_to_level(charged.positions, moves, own_liquidation),
        nearest_asset_move=find_nearest_asset_move(portfolio, portfolio.liquidation_level, stables),
    )


def shock_to_level(positions: Sequence[Position], moves: Mapping[str, Decimal], level: Decimal) -> Decimal:
    """Return the part of the moves (may exceed 1) after which the level of these positions is `level`.

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
    """Return the asset with the smallest single price move that brings the exchange's level to `level`.

    None when no single price does, or the level is there already. Stable assets keep their value.
    """
    sums, own = portfolio.totals, portfolio.own_level(level)
    found = [
        AssetMove(position.asset, end.price, end.price / position.price - ONE, end.side)
        for position in portfolio.positions
        if position.asset and position.asset not in stables and position.price > ZERO
        if (end := _future_liquidation_price(position, sums, own)) is not None
    ]
    return min(found, key=lambda asset_move: abs(asset_move.move), default=None)


def _future_liquidation_price(position: Position, sums: Totals, level: Decimal) -> LiquidationPrice | None:
    end = liquidation_price(position, sums, level)
    return None if end is None or end.is_reached else end
