"""Each scope after a price shock."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from monitor.app.documents.past_choice import WORST
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


@dataclass(frozen=True, slots=True)
class StressChoice:
    """A shock as a person asks for it. `is_like_worst`: the worst window of each scope's own past, in its place.

    `is_given` False: nobody asked for one, and it is the worst scenario.
    """

    shock: Shock
    is_like_worst: bool = False
    is_given: bool = True


def parse_choice(drop: str | None, like: str | None, moves: Sequence[str]) -> StressChoice:
    """The shock that the parameters describe. Raises ParameterInvalid."""
    if like == WORST:
        if drop is not None or moves:
            other = "drop" if drop is not None else "move"
            said = "the worst window of the past has moves of its own"
            raise ParameterInvalid(other, said, where="--drop" if other == "drop" else moves[0], mend="leave it out")
        return StressChoice(Shock(), is_like_worst=True)
    is_given = drop is not None or like is not None or bool(moves)
    return StressChoice(parse_shock(drop, like, moves), is_given=is_given)


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
        mend = f"there are {', '.join(STRESS_SCENARIOS)}, and {WORST}"
        raise ParameterInvalid("like", f"nothing is known of {date}", mend=mend)
    return found
