"""What stands in the way of the actions that firing alerts want."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitor.core.model.account import Scope


@dataclass(frozen=True, slots=True)
class ActionBlock:
    """What stops an action, and what a hand could do, in words.

    `counts`: a limit stops a live action, and a person should change something. Otherwise it passes by itself, or the
    action would have asked first. `lacks` are the reads for want of which alone it waits.
    """

    reason: str
    blocks_live_action: bool = False
    missing_reads: frozenset[str] = frozenset()


Grounds = Literal["worse", "untold", "unjudged"]
"""An order made things worse, whether it did can't be told, or that is not judged yet."""


@dataclass(frozen=True, slots=True)
class StopCause:
    """Why an order stops its rule until a person resumes it, in words for people."""

    grounds: Literal["worse", "untold"]
    reason: str


@dataclass(frozen=True, slots=True)
class RuleStop:
    """The actions of a rule send nothing in an account, since an order made things worse or may have.

    Until a person resumes them; or, where it is not judged yet whether it did, until that is. `plans` are the alerts of
    the rule whose orders may still be unfinished.
    """

    account: str
    rule: str
    intent: int
    at: datetime
    reason: str
    plans: frozenset[int] = frozenset()
    grounds: Grounds = "worse"

    @property
    def is_lasting(self) -> bool:
        """Whether only a person ends it."""
        return self.grounds != "unjudged"

    @property
    def text(self) -> str:
        """Why an action of the rule is stopped, and the mend."""
        if not self.is_lasting:
            return f"whether R-{self.intent} made things worse is not known yet; the actions of {self.rule} wait for it"
        told = f"R-{self.intent} made things worse"
        told = told if self.grounds == "worse" else f"whether {told} can't be told"
        return f"{told}: {self.reason}; the actions of {self.rule} are stopped until `margin-monitor actions resume`"


ActionBlocks = Mapping[tuple[Scope, str], ActionBlock]
"""By the scope that an action is to help, and its name."""


def blocked_live_actions(blocks: ActionBlocks) -> dict[tuple[Scope, str], str]:
    """The live actions that a limit stops: the limit by scope and action."""
    return {key: stop.reason for key, stop in blocks.items() if stop.blocks_live_action}


def block_reasons(blocks: ActionBlocks, scope: Scope | None) -> dict[str, str]:
    """What stops each action in this scope; None: in all of them, each action with its scope."""
    if scope is None:
        return {f"{action} ({there})": stop.reason for (there, action), stop in blocks.items()}
    return {action: stop.reason for (there, action), stop in blocks.items() if there == scope}
