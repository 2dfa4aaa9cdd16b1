"""The clocks of the machine on which a run's daemons live: set, or asleep, and what became of the daemon then."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from monitor.sandbox.timeline import Timeline, TimelineSettings
from tests.campaign.daemon import Life, WallClock
from tests.campaign.facts import Stepped, Suspended
from tests.campaign.plan import PACE, SPEED, Plan
from tests.campaign.strains import ClockStep, Restore, Strain, Suspend

OUTLIVES_S = 5.0
"""Machine seconds within which what a daemon saw is told, also on a busy machine."""

SAID_FROM_S = 1.0
"""Machine seconds of sleep that a daemon says so of."""

_SAID = re.compile(r"clock\.jumped kind='suspend' seconds=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class _Moment:
    """Something befell the clocks of a life: the exchange's and the machine's moment, and by how much."""

    at: int
    began: float
    seconds: float
    life: Life

    @property
    def outlived(self) -> bool:
        """Whether the life went on for a while."""
        return self.life.killed_at is None or self.life.killed_at - self.began > OUTLIVES_S


@dataclass(slots=True)
class Clocks:
    """Those of one run; its own, where the plan has nothing befall them. `settings` are the exchange's as they were at
    first: the machine's own clocks know of the time for which it slept."""

    timeline: Timeline
    settings: TimelineSettings
    _wall: WallClock | None = None
    _steps: list[_Moment] = field(default_factory=list)
    _sleeps: list[_Moment] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan, timeline: Timeline, folder: Path) -> "Clocks":
        """The clocks as they are at the start of a plan."""
        made = cls(timeline, timeline.settings)
        steps = [one for one in plan.strains if isinstance(one, ClockStep)]
        if steps or any(map(_has_sleep, plan.strains)):
            made._wall = WallClock(folder / "wall")
            made._wall.wrong_s = sum(one.seconds for one in steps if one.at_s == 0)
        return made

    @property
    def path(self) -> Path | None:
        """The file that a daemon reads them from."""
        return None if self._wall is None else self._wall.path

    def set_wall(self, seconds: float, life: Life) -> None:
        """Sets the wall clock."""
        assert self._wall is not None
        if life.has_started and not life.is_over:
            self._steps.append(_Moment(self.timeline.now_ms(), time.monotonic(), seconds, life))
        self._wall.wrong_s += seconds

    def sleep(self, seconds: float, life: Life) -> None:
        """The machine, which stands still, has slept for so long; the exchange went on. Also where no daemon lives."""
        assert self._wall is not None
        if life.has_started and not life.is_over:
            self._sleeps.append(_Moment(self.timeline.now_ms(), time.monotonic(), seconds, life))
        self._wall.slept_s += seconds
        self.timeline.advance(seconds * SPEED * PACE)

    def stepped(self) -> Iterator[Stepped]:
        """How often the wall clock was set."""
        for one in self._steps:
            yield Stepped(one.at, one.seconds, one.outlived)

    def suspended(self) -> Iterator[Suspended]:
        """How often a daemon's machine slept. Noticed is it where its log says of all of it."""
        long = [one for one in self._sleeps if one.outlived and one.seconds >= SAID_FROM_S]
        for one in self._sleeps:
            slept_s = sum(other.seconds for other in long if other.life is one.life)
            yield Suspended(one.at, one.seconds, told_s(one.life) > slept_s - SAID_FROM_S, one.outlived)


def told_s(life: Life) -> float:
    """For how long the machine slept by what a daemon's log says."""
    try:
        said = life.log.read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return sum(map(float, _SAID.findall(said)))


def _has_sleep(strain: Strain) -> bool:
    return isinstance(strain, Suspend) or (isinstance(strain, Restore) and strain.is_lost)
