"""What lint looks at, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics import thresholds as documented
from monitor.core.model.account import Thresholds
from monitor.core.model.alert import Severity
from monitor.core.rules.rule import Rule

FlawKind = Literal[
    "ladder-gap",
    "never-fires",
    "hysteresis",
    "target",
    "silent-at-night",
    "no-fallback",
    "no-blindness-rule",
    "no-heartbeat",
    "small-cap",
    "conflict",
]

CROSS_THRESHOLDS = tuple(documented.DOCUMENTED_CROSS_THRESHOLDS.values())
"""The bars of cross accounts of 3x and 5x."""

PAIR_THRESHOLDS = tuple(documented.DOCUMENTED_PAIR_THRESHOLDS.values())
"""The bars of the first tier of isolated pairs of 10x, 5x and 3x."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing to mend. `error`: something configured can't do what it is for; `warning`: something is missing."""

    kind: FlawKind
    result: Literal["warning", "error"]
    detail: str
    mend: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel. `rings`: whether it can wake somebody, as far as its kind is known."""

    name: str
    severities: frozenset[Severity]
    fallback: str | None = None
    wakes: bool = True


@dataclass(frozen=True, slots=True)
class AccountCoverage:
    """What is watched of one account. `pairs` None: all that the exchange lists."""

    account: str
    cross: bool = True
    pairs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LintInput:
    """Everything that lint looks at. `rules` are those that can be measured, `shipped` the names of the ladder's.

    `pegged` are the assets that can leave a peg; None: not known.
    `bars` are by scope those of the accounts, where they are known. `worth` is the price in USDT of assets, `owed` the
    largest debt of a scope in USDT; None: not known.
    """

    rules: tuple[Rule, ...]
    actions: tuple[ActionSpec, ...] = ()
    channels: tuple[ChannelInfo, ...] = ()
    accounts: tuple[AccountCoverage, ...] = ()
    default_rules: frozenset[str] = frozenset()
    has_heartbeat: bool = False
    pegged_assets: frozenset[str] | None = None
    thresholds: Mapping[str, tuple[Thresholds, ...]] = field(default_factory=dict)
    prices_usdt: Mapping[str, Decimal] = field(default_factory=dict)
    largest_debt_usdt: Decimal | None = None

    def thresholds_of(self, scope: str) -> tuple[Thresholds, ...]:
        """The bars that accounts have in this scope, else all that they could have."""
        return self.thresholds.get(scope) or (CROSS_THRESHOLDS if scope == "cross" else PAIR_THRESHOLDS)
