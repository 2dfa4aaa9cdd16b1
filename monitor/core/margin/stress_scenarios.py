"""Historical crashes as stress scenarios: the worst move of each class of asset, as measured or published afterwards.

A class has the move of its worst moment, and all worst moments are combined. In the real crash they were not
simultaneous: tokens that represent another asset lost their parity a quarter of an hour after the market's low. So a
scenario is an upper bound of such a crash. The source says of each figure whether it was measured in price bars, and of
a class that nobody measured, what is assumed of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from monitor.core.numbers.amounts import ONE, ZERO

LARGE_ALTS = frozenset({"ETH", "SOL", "BNB"})
"""Altcoins with a market so deep that they fell less than other altcoins and more than bitcoin."""


@dataclass(frozen=True, slots=True)
class StressScenario:
    """Moves from before the crash to its low, by class of asset; negative is a fall. `source`: the publication."""

    date: str
    btc: Decimal
    large_alts: Decimal
    other_alts: Decimal
    source: str
    parity: Decimal = ONE
    """Value of a token that represents another asset, as a share of it, for tokens not in `parities`."""
    parities: Mapping[str, Decimal] = field(default_factory=dict)
    moves_by_asset: Mapping[str, Decimal] = field(default_factory=dict)
    """Moves of assets that did not follow their class."""

    def move(self, asset: str, stables: frozenset[str], pegs: Mapping[str, str]) -> Decimal:
        """Return the fraction by which the asset moved; `pegs` has the asset that a token represents.

        An unknown asset counts as an altcoin.
        """
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
        StressScenario(
            "2025-02-03",
            btc=Decimal("-0.1403"),
            large_alts=Decimal("-0.27"),
            other_alts=Decimal("-0.3767"),
            moves_by_asset={"AVAX": Decimal("-0.3484"), "NEAR": Decimal("-0.3767")},
            source=(
                "measured in one-minute bars of the Binance perpetuals, 2025-02-02 00:00 UTC to 2025-02-03 02:08: AVAX "
                "32.565 to 21.219 and NEAR 4.34 to 2.705, NEAR's fall taken for all other alts; press of the day: BTC "
                "near 106,000 on 31 January to 91,130, ETH -27 %, more than any other large alt"
            ),
        ),
        StressScenario(
            "2021-12-04",
            btc=Decimal("-0.2170"),
            large_alts=Decimal("-0.2170"),
            other_alts=Decimal("-0.2170"),
            source=(
                "measured in one-minute bars of the Binance perpetual, 04:50 to 05:27 UTC: BTC 52,218 to 40,889; alts "
                "were not measured and are taken to fall as much, since the press of the day names smaller falls: ETH "
                "-16 %, FIL -17 %, EOS -18 %"
            ),
        ),
    )
}
"""Scenarios by date, the worst crash first."""

WORST_SCENARIO = "2025-10-10"
