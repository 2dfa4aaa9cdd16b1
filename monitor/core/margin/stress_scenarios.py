"""Nights that came: how far each class of asset fell, as published afterwards.

A class has the figure of its worst moment, and all classes are taken at their worst together. They were not: the
tokens that stand for another asset lost their parity a quarter of an hour after the market's low. So the figure
is the outer edge of such a night.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from monitor.core.numbers.amounts import ONE, ZERO

LARGE_ALTS = frozenset({"ETH", "SOL", "BNB"})
"""What is traded so deeply that it fell like nothing between bitcoin and the rest."""


@dataclass(frozen=True, slots=True)
class StressScenario:
    """Moves from before the crash to its low, by class of asset; negative is a fall. `source`: who says so."""

    date: str
    btc: Decimal
    large_alts: Decimal
    other_alts: Decimal
    source: str
    parity: Decimal = ONE
    """What a token that stands for another asset was worth of it, where `parities` has no figure of its own."""
    parities: Mapping[str, Decimal] = field(default_factory=dict)
    moves_by_asset: Mapping[str, Decimal] = field(default_factory=dict)
    """Assets that moved unlike their class."""

    def move(self, asset: str, stables: frozenset[str], pegs: Mapping[str, str]) -> Decimal:
        """How far the asset moved, as a fraction; `pegs` says for what a token stands. An unknown one is an alt."""
        if asset in self.moves_by_asset:
            return self.moves_by_asset[asset]
        if asset in stables:
            return ZERO
        if asset in pegs and pegs[asset] not in pegs:
            underlying = ONE + self.move(pegs[asset], stables, pegs)
            return underlying * self.parities.get(asset, self.parity) - ONE
        if asset == "BTC":
            return self.btc
        return self.large_alts if asset in LARGE_ALTS else self.other_alts


STRESS_SCENARIOS: Mapping[str, StressScenario] = {
    crash.date: crash
    for crash in (
        StressScenario(
            "2025-10-10",
            btc=Decimal("-0.1311"),
            large_alts=Decimal("-0.295"),
            other_alts=Decimal("-0.85"),
            parity=Decimal("0.20"),
            parities={"WBETH": Decimal("0.20"), "BNSOL": Decimal("0.13")},
            moves_by_asset={"USDE": Decimal("-0.35")},
            source=(
                "one-minute bars of the Binance perpetuals, 20:49 to 21:22 UTC: BTC 116,837 to 101,516 and SOL -29.5 % "
                "in 22 minutes, taken for all large alts; press of the days after: many other alts -75 to -85 %, and "
                "from 21:36 on Binance alone WBETH at 0.20 ETH, BNSOL at 0.13 SOL, USDe at 0.65"
            ),
        ),
        StressScenario(
            "2021-05-19",
            btc=Decimal("-0.3118"),
            large_alts=Decimal("-0.46"),
            other_alts=Decimal("-0.67"),
            source=(
                "press of the days after: BTC -31.18 % from the day's high to its low, ETH -46 % (BNB 500 to 280), "
                "dozens of other alts more than -50 %, some more than two thirds"
            ),
        ),
    )
}
"""By date, the worst night first."""

WORST_SCENARIO = "2025-10-10"
