"""The sandbox's time: from the scenario's start, at a chosen speed, or frozen.

Everything that depends on time (interest, tokens, bans, weight minutes) uses it. It is tied to the machine's clock, so
that another process that knows `start`, `speed` and `anchor` has the same time: now = start + (time.time() - anchor) *
speed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class VirtualClockSettings:
    """The values with which another process builds the same time. `start` and `anchor` are POSIX seconds."""

    start: float
    speed: float
    anchor: float
    frozen: bool

    def as_json(self) -> dict[str, object]:
        """The settings, with the start also as a date."""
        start = datetime.fromtimestamp(self.start, UTC)
        return {
            "start": self.start,
            "start_time": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "speed": self.speed,
            "anchor": self.anchor,
            "frozen": self.frozen,
        }


class VirtualClock:
    """Virtual milliseconds since 1970, running `speed` times as fast as the machine's clock, or as `wall_s`.

    Frozen, the time does not change until `advance`. After a thaw it goes on from there, so its anchor moves: read
    `settings` again then.
    """

    def __init__(
        self,
        start: datetime,
        *,
        speed: float = 1.0,
        anchor: float | None = None,
        frozen: bool = False,
        wall_s: Callable[[], float] | None = None,
    ) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self.speed = speed
        self._wall_s = wall_s or time.time
        self._start_ms = int(start.timestamp() * 1000)
        self._anchor = self._wall_s() if anchor is None else anchor
        self._frozen_ms: int | None = self._start_ms if frozen else None
        self._frozen_since = self._wall_s()
        self._advanced_ms = 0

    @property
    def frozen(self) -> bool:
        """Return whether time is frozen."""
        return self._frozen_ms is not None

    @property
    def settings(self) -> VirtualClockSettings:
        """Present start, speed and anchor."""
        return VirtualClockSettings(self._start_ms / 1000, self.speed, self._anchor, self.frozen)

    def now_ms(self) -> int:
        """Virtual milliseconds since 1970."""
        if self._frozen_ms is not None:
            return self._frozen_ms
        return self._start_ms + int((self._wall_s() - self._anchor) * 1000 * self.speed)

    def slack_ms(self) -> int:
        """The legitimate error of a client's clock while tests hold or advance the time.

        Zero as long as nobody froze or advanced it.
        """
        held = int((self._wall_s() - self._frozen_since) * 1000 * self.speed) if self.frozen else 0
        return held + self._advanced_ms

    def freeze(self) -> None:
        """Freeze the time."""
        if self._frozen_ms is None:
            self._frozen_ms = self.now_ms()
            self._frozen_since = self._wall_s()

    def unfreeze(self) -> None:
        """Let time run on from its present value."""
        if self._frozen_ms is not None:
            self._anchor = self._wall_s() - (self._frozen_ms - self._start_ms) / 1000 / self.speed
            self._frozen_ms = None

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        if seconds < 0:
            raise ValueError("time only moves forward")
        step_ms = round(seconds * 1000)
        self._advanced_ms += step_ms
        if self._frozen_ms is not None:
            self._frozen_ms += step_ms
        else:
            self._anchor -= step_ms / 1000 / self.speed
