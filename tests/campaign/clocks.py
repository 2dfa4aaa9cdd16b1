"""The clocks of the machine on which a run's daemons live: set, or asleep, and what became of the daemon then."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from monitor.sandbox.virtual_clock import VirtualClock, VirtualClockSettings
from tests.campaign.daemon import DaemonProcess, WallClock
from tests.campaign.disturbances import ClockStep, Disturbance, Restore, Suspend
from tests.campaign.judge.facts import ClockStepFact, SuspendFact
from tests.campaign.plan import PACE, SPEED, Plan

OUTLIVES_S = 5.0
"""Machine seconds within which what a daemon saw is told, also on a busy machine."""

REPORTED_FROM_S = 1.0
"""Machine seconds of sleep from which on a daemon reports it."""

_REPORTED_SLEEP = re.compile(r"clock\.jumped kind='suspend' seconds=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class _ClockChange:
    """Something befell the clocks of a life: the exchange's and the machine's moment, and by how much."""

    at: int
    began: float
    seconds: float
    life: DaemonProcess

    @property
    def outlived(self) -> bool:
        """Whether the life went on for a while."""
        return self.life.killed_at is None or self.life.killed_at - self.began > OUTLIVES_S


@dataclass(slots=True)
class DaemonClocks:
    """Those of one run; its own, where the plan has nothing befall them. `settings` are the exchange's as they were at
    first: the machine's own clocks know of the time for which it slept."""

    timeline: VirtualClock
    settings: VirtualClockSettings
    _wall: WallClock | None = None
    _steps: list[_ClockChange] = field(default_factory=list)
    _sleeps: list[_ClockChange] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan, timeline: VirtualClock, folder: Path) -> "DaemonClocks":
        """The clocks as they are at the start of a plan."""
        made = cls(timeline, timeline.settings)
        steps = [strain for strain in plan.strains if isinstance(strain, ClockStep)]
        if steps or any(map(_has_sleep, plan.strains)):
            made._wall = WallClock(folder / "wall")
            made._wall.wrong_s = sum(step.seconds for step in steps if step.at_s == 0)
        return made

    @property
    def path(self) -> Path | None:
        """The file that a daemon reads them from."""
        return None if self._wall is None else self._wall.path

    def set_wall(self, seconds: float, life: DaemonProcess) -> None:
        """Sets the wall clock."""
        assert self._wall is not None
        if life.has_started and not life.is_over:
            self._steps.append(_ClockChange(self.timeline.now_ms(), time.monotonic(), seconds, life))
        self._wall.wrong_s += seconds

    def sleep(self, seconds: float, life: DaemonProcess) -> None:
        """The machine, which stands still, has slept for so long; the exchange went on. Also where no daemon lives."""
        assert self._wall is not None
        if life.has_started and not life.is_over:
            self._sleeps.append(_ClockChange(self.timeline.now_ms(), time.monotonic(), seconds, life))
        self._wall.slept_s += seconds
        self.timeline.advance(seconds * SPEED * PACE)

    def stepped(self) -> Iterator[ClockStepFact]:
        """How often the wall clock was set."""
        for one in self._steps:
            yield ClockStepFact(one.at, one.seconds, one.outlived)

    def suspended(self) -> Iterator[SuspendFact]:
        """Every sleep of a daemon's machine. It counts as noticed where the daemon's log reports all its sleeps."""
        long = [sleep for sleep in self._sleeps if sleep.outlived and sleep.seconds >= REPORTED_FROM_S]
        for sleep in self._sleeps:
            slept_s = sum(other.seconds for other in long if other.life is sleep.life)
            is_noticed = reported_sleep_s(sleep.life) > slept_s - REPORTED_FROM_S
            yield SuspendFact(sleep.at, sleep.seconds, is_noticed, sleep.outlived)


def reported_sleep_s(daemon: DaemonProcess) -> float:
    """Seconds of sleep that a daemon's log reports."""
    try:
        text = daemon.log.read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return sum(map(float, _REPORTED_SLEEP.findall(text)))


def _has_sleep(strain: Disturbance) -> bool:
    return isinstance(strain, Suspend) or (isinstance(strain, Restore) and strain.is_lost)
