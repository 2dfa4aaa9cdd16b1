"""Input of lint, and the flaws that it finds."""

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
"""Thresholds of cross accounts of 3x and 5x."""

PAIR_THRESHOLDS = tuple(documented.DOCUMENTED_PAIR_THRESHOLDS.values())
"""Thresholds of the first tier of isolated pairs of 10x, 5x and 3x."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One flaw, with its fix in `mend`. `error`: something configured can't work; `warning`: something is missing."""

    kind: FlawKind
    result: Literal["warning", "error"]
    detail: str
    mend: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel as lint knows it. `wakes`: its kind can wake somebody, or is not known."""

    name: str
    severities: frozenset[Severity]
    fallback: str | None = None
    wakes: bool = True


@dataclass(frozen=True, slots=True)
class AccountCoverage:
    """Scopes of one account that are monitored. `pairs` None: all that the exchange lists."""

    account: str
    cross: bool = True
    pairs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LintInput:
    """Everything that lint reads. `rules` are those that can be measured, `default_rules` the names of shipped ones.

    `pegged_assets` are the assets that have a peg; None: not known. `thresholds` are those of the accounts by scope,
    where they are known. `prices_usdt` are the USDT prices of assets. `largest_debt_usdt` is the largest debt of a
    scope in USDT; None: not known.
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
        """Thresholds that accounts have in this scope; all documented ones where they are not known."""
        return self.thresholds.get(scope) or (CROSS_THRESHOLDS if scope == "cross" else PAIR_THRESHOLDS)
