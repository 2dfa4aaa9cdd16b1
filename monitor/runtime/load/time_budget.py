"""Shares of the processor's time for work that every account repeats: with many accounts it is done less often."""

from dataclasses import dataclass, field

TICK_INTERVAL_S = 1.0
MAX_TICK_INTERVAL_S = 5.0

TICK_SHARE = 0.25
"""Most of a core that the ticks of many accounts take together."""

MIN_LIVE_INTERVAL_S = 0.9
"""Machine seconds at least between two live documents of an account: every tick may write it, also an early one."""

MAX_LIVE_INTERVAL_S = 15.0

LIVE_SHARE = 0.1
"""Most of a core that the live documents of many accounts take together."""

MAX_COST_S = 0.1
"""Machine seconds that count at most for one account's work: what took longer waited for the machine."""


class TimeBudget:
    """The interval of a repeated work, by what it costs for all accounts together."""

    def __init__(self, share: float, min_interval_s: float, max_interval_s: float) -> None:
        """`share`: the most of a core that the work takes while the interval is between its bounds."""
        self._share = share
        self._min_interval_s = min_interval_s
        self._max_interval_s = max_interval_s
        self._costs: dict[str, float] = {}
        self._total_s = 0.0

    def note_cost(self, account: str, cost_s: float) -> None:
        """Note the machine seconds that the work took for an account the last time; a standstill is no cost."""
        cost_s = min(cost_s, MAX_COST_S)
        self._total_s += cost_s - self._costs.get(account, 0.0)
        self._costs[account] = cost_s

    def drop(self, account: str) -> None:
        """Forget an account that does not run any more."""
        self._total_s -= self._costs.pop(account, 0.0)

    @property
    def interval_s(self) -> float:
        """Machine seconds between two times that the work is done for an account."""
        return min(self._max_interval_s, max(self._min_interval_s, self._total_s / self._share))


@dataclass(frozen=True, slots=True)
class TimeBudgets:
    """The time that all accounts of a daemon may take for their ticks and their live documents."""

    ticks: TimeBudget = field(default_factory=lambda: TimeBudget(TICK_SHARE, TICK_INTERVAL_S, MAX_TICK_INTERVAL_S))
    documents: TimeBudget = field(
        default_factory=lambda: TimeBudget(LIVE_SHARE, MIN_LIVE_INTERVAL_S, MAX_LIVE_INTERVAL_S)
    )

    def drop(self, account: str) -> None:
        """Forget an account that does not run any more."""
        self.ticks.drop(account)
        self.documents.drop(account)
