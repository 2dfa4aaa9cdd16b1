"""What stands in the way of the actions that firing alerts want."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.core.account import Scope


@dataclass(frozen=True, slots=True)
class Stop:
    """What stops an action, and what a hand could do, in words.

    `counts`: a limit stops a live action, and a person should change something. Otherwise it passes by itself, or the
    action would have asked first. `lacks` are the reads for want of which alone it waits.
    """

    reason: str
    counts: bool = False
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RuleStop:
    """The actions of a rule send nothing in an account until a person resumes them, since an order made things worse.

    `plans` are the alerts of the rule whose orders may still be unfinished.
    """

    account: str
    rule: str
    intent: int
    at: datetime
    reason: str
    plans: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        """Why an action of the rule is stopped, and the mend."""
        return (
            f"R-{self.intent} made things worse: {self.reason}; the actions of {self.rule} are stopped until "
            "`margin-monitor actions resume`"
        )


Stops = Mapping[tuple[Scope, str], Stop]
"""By the scope that an action is to help, and its name."""


def counting(stops: Stops) -> dict[tuple[Scope, str], str]:
    """The live actions that a limit stops: the limit by scope and action."""
    return {key: stop.reason for key, stop in stops.items() if stop.counts}


def limits_on(stops: Stops, scope: Scope | None) -> dict[str, str]:
    """What stops each action in this scope; None: in all of them, each action with its scope."""
    if scope is None:
        return {f"{action} ({there})": stop.reason for (there, action), stop in stops.items()}
    return {action: stop.reason for (there, action), stop in stops.items() if there == scope}
