"""Choice of the host for a read: fallback after a failure, cool-down after a firewall's refusal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.exchange.binance.rate_limits import WeightPool

FIRST_COOLDOWN_S = 2.0
"""Seconds. A firewall's refusal names no duration: the first one may be an accident, and prices may be falling."""

MAX_COOLDOWN_S = 30.0

FALLBACK_FOR_S = 300.0
"""Seconds for which another host is preferred after the one before it failed."""


@dataclass(frozen=True, slots=True)
class _Cooldown:
    seconds: float
    until: float


class ReadHosts:
    """Hosts of one key's reads. A cool-down covers the requests of one pool: a firewall may refuse one path alone.

    `elapsed` returns seconds that nobody sets, exchange seconds like all of the constants.
    """

    def __init__(self, hosts: Sequence[str], elapsed: Callable[[], float]) -> None:
        self._hosts = tuple(hosts)
        self._elapsed = elapsed
        self._preferred = 0
        self._preferred_until = 0.0
        self._cooldowns: dict[tuple[str, WeightPool], _Cooldown] = {}

    def choose(self, pool: WeightPool) -> str | None:
        """Return the first host by preference that is available; None while all of them cool down."""
        now = self._elapsed()
        if self._preferred and now >= self._preferred_until:
            self._preferred = 0
        ordered = self._hosts[self._preferred :] + self._hosts[: self._preferred]
        return next((host for host in ordered if self._left_s(host, pool, now) <= 0), None)

    def available_in_s(self, pool: WeightPool) -> float:
        """Return the seconds until a host is available; 0: now."""
        now = self._elapsed()
        return max(0.0, min(self._left_s(host, pool, now) for host in self._hosts))

    def note_failure(self, host: str, refused: WeightPool | None = None) -> None:
        """Prefer the next host for a while.

        The host cools down for the pool that a firewall `refused`, twice as long as the last time.
        """
        now = self._elapsed()
        self._preferred = (self._hosts.index(host) + 1) % len(self._hosts)
        self._preferred_until = now + FALLBACK_FOR_S
        if refused is not None:
            before = self._cooldowns.get((host, refused))
            seconds = FIRST_COOLDOWN_S if before is None else min(before.seconds * 2, MAX_COOLDOWN_S)
            self._cooldowns[host, refused] = _Cooldown(seconds, now + seconds)

    def note_answer(self, host: str, pool: WeightPool) -> None:
        """Forget the host's cool-down for this pool."""
        self._cooldowns.pop((host, pool), None)

    def _left_s(self, host: str, pool: WeightPool, now: float) -> float:
        rest = self._cooldowns.get((host, pool))
        return 0.0 if rest is None else rest.until - now
