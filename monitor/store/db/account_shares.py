"""How many accounts each of several daemons holds, and which holders give no sign of life."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

SILENT_AFTER_S = 6.0
"""Steady seconds without a sign of life, written every second, after which a holder is taken for hung or cut off."""

MIN_OBSERVATIONS = 4
MAX_OBSERVATION_GAP_S = 3.0
"""An observer that stood still itself, or whose database did, has not seen that a holder is silent."""


def compute_quota(holder: str, held: Mapping[str, int], account_count: int) -> int:
    """Return how many of the accounts the daemon `holder` is to hold. `held`: how many each of all daemons holds now.

    Who holds most gets one of those that remain, so that no more accounts move than needed.
    """
    ranked = sorted(held, key=lambda name: (-held[name], name))
    share, rest = divmod(account_count, len(ranked))
    return share + (ranked.index(holder) < rest)


@dataclass(frozen=True, slots=True)
class _Observation:
    state: object
    since_s: float
    last_s: float
    count: int


class UnchangedItems:
    """Items that one observer has seen in the same state, again and again."""

    def __init__(self) -> None:
        self._seen: dict[str, _Observation] = {}

    def observe(self, states: Mapping[str, object], now_s: float) -> frozenset[str]:
        """Return the items that have had the same state for SILENT_AFTER_S. Other items are forgotten."""
        self._seen = {item: self._next(item, state, now_s) for item, state in states.items()}
        return frozenset(
            item
            for item, seen in self._seen.items()
            if seen.count >= MIN_OBSERVATIONS and now_s - seen.since_s >= SILENT_AFTER_S
        )

    def forget(self, items: Collection[str]) -> None:
        """Begin anew with these items."""
        self._seen = {item: seen for item, seen in self._seen.items() if item not in items}

    def _next(self, item: str, state: object, now_s: float) -> _Observation:
        last = self._seen.get(item)
        if last is None or last.state != state or now_s - last.last_s > MAX_OBSERVATION_GAP_S:
            return _Observation(state, now_s, now_s, 1)
        return _Observation(state, last.since_s, now_s, last.count + 1)
