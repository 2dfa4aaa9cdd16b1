"""Each scope after a price shock."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from monitor.app.documents.status import StatusQuery, stable_assets_of
from monitor.app.parameters import fraction_parameter
from monitor.config.model import Config
from monitor.core.margin.stress import Shock
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS, WORST_SCENARIO, StressScenario
from monitor.errors import ParameterInvalid
from monitor.store.reads import Reads
from monitor.view.documents.stress import stress_document
from monitor.view.documents.types.stress import StressDocument


@dataclass(frozen=True, slots=True)
class StressQuery:
    """The accounts as the daemon last stored them, after a shock."""

    config: Config
    shock: Shock

    def read(self, reads: Reads) -> StressDocument:
        status = StatusQuery(self.config).read(reads)
        return stress_document(status, self.shock, stable_assets_of(self.config))


def parse_shock(drop: str | None, like: str | None, moves: Sequence[str]) -> Shock:
    """The shock that the parameters describe; the worst scenario when there are none. Raises ParameterInvalid."""
    fall = Decimal(0)
    if drop is not None:
        fall = fraction_parameter("drop", drop)
        if not 0 < fall < 1:
            mend = "write one between 0% and 100%, such as 20%"
            raise ParameterInvalid("drop", f"{drop} is no fall", mend=mend)
    named = _parse_moves(moves)
    if like is None and not fall and not named:
        return Shock(scenario=STRESS_SCENARIOS[WORST_SCENARIO])
    return Shock(fall, None if like is None else _find_scenario(like), named)


def _parse_moves(words: Sequence[str]) -> dict[str, Decimal]:
    moves: dict[str, Decimal] = {}
    for word in words:
        asset, equals, text = word.partition("=")
        if not equals or not asset.isalnum():
            raise _move_error(f'"{word}" is no move', "write ASSET=MOVE, such as SOL=-35%")
        asset = asset.upper()
        move = fraction_parameter("move", text, where=asset)
        if asset == "USDT":
            raise _move_error("USDT can't move: prices are told in it", "move what is held or owed against it")
        if move <= -1:
            raise _move_error(f"{asset}: nothing falls by {text}", "write a fall of less than 100%")
        if asset in moves:
            raise _move_error(f"{asset} is given twice", "give it once")
        moves[asset] = move
    return moves


def _move_error(message: str, mend: str) -> ParameterInvalid:
    return ParameterInvalid("move", message, where="", mend=mend)


def _find_scenario(date: str) -> StressScenario:
    found = STRESS_SCENARIOS.get(date)
    if found is None:
        mend = f"there are {', '.join(STRESS_SCENARIOS)}"
        raise ParameterInvalid("like", f"nothing is known of {date}", mend=mend)
    return found
