"""What stands in the way of the actions that firing alerts want."""

from collections.abc import Mapping
from dataclasses import dataclass

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
