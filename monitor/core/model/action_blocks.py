"""Blocks of actions that firing alerts want, and stops of rules after a level loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitor.core.model.account import Scope


@dataclass(frozen=True, slots=True)
class ActionBlock:
    """The reason why an action can't act, and what a person could do about it, in words.

    `blocks_live_action`: a limit stops a live action, and a person should change something. Otherwise the block passes
    by itself, or the action would have asked for approval first. `missing_reads` are the reads that the action waits
    for, when it waits for nothing else.
    """

    reason: str
    blocks_live_action: bool = False
    missing_reads: frozenset[str] = frozenset()


Grounds = Literal["worse", "untold", "unjudged"]
"""Grounds of a stop: an order lowered the level, its effect can't be determined, or it is not judged yet."""


@dataclass(frozen=True, slots=True)
class StopCause:
    """The reason why an order stops its rule until a person resumes the rule, in words for people."""

    grounds: Literal["worse", "untold"]
    reason: str


@dataclass(frozen=True, slots=True)
class RuleStop:
    """A stop of a rule: its actions send nothing in an account, since an order lowered the level or may have.

    It lasts until a person resumes the actions; when the effect of the order is not judged yet, until it is judged.
    `plans` are the alerts of the rule whose orders may still be unfinished.
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
        """True if only a person ends the stop."""
        return self.grounds != "unjudged"

    @property
    def text(self) -> str:
        """The reason why an action of the rule is stopped, and how to resume it."""
        if not self.is_lasting:
            return f"whether R-{self.intent} made things worse is not known yet; the actions of {self.rule} wait for it"
        effect = f"R-{self.intent} made things worse"
        effect = effect if self.grounds == "worse" else f"whether {effect} can't be told"
        return f"{effect}: {self.reason}; the actions of {self.rule} are stopped until `margin-monitor actions resume`"


ActionBlocks = Mapping[tuple[Scope, str], ActionBlock]
"""Blocks by the scope that an action is to help, and the action's name."""


def blocked_live_actions(blocks: ActionBlocks) -> dict[tuple[Scope, str], str]:
    """Return the limits that stop live actions, by scope and action."""
    return {key: stop.reason for key, stop in blocks.items() if stop.blocks_live_action}


def block_reasons(blocks: ActionBlocks, scope: Scope | None) -> dict[str, str]:
    """Return the reason that stops each action in this scope; None: in all scopes, each action with its scope."""
    if scope is None:
        return {f"{action} ({there})": stop.reason for (there, action), stop in blocks.items()}
    return {action: stop.reason for (there, action), stop in blocks.items() if there == scope}
