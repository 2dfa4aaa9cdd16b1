"""A rule, its evaluation on one subject, and how rules are merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import NamedTuple, get_args

from monitor.core.model.alert import MetricScope, Severity
from monitor.core.model.metric import MissingValue
from monitor.core.rules.parser import Condition, MetricReader
from monitor.errors import ConfigError

METRIC_SCOPES: tuple[MetricScope, ...] = get_args(MetricScope)
MATCH_ALL = ("*",)

DEFAULT_REPEAT_S: Mapping[Severity, Decimal] = MappingProxyType(
    {"info": Decimal(86_400), "warning": Decimal(3_600), "critical": Decimal(300)}
)
"""Seconds between reminders for a rule without its own setting."""


class RuleError(ConfigError):
    """An error in a rule: the location, the problem, the fix."""

    def __init__(self, where: str, message: str, mend: str = "") -> None:
        super().__init__(message, where=where, mend=mend)


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """An escalation step, taken when an alert stays un-acknowledged for `after_s`.

    `severity` None: unchanged. `channels` are notified besides those of the rule; `fallbacks`: so are the fallbacks of
    every notified channel.
    """

    after_s: Decimal
    severity: Severity | None = None
    channels: tuple[str, ...] = ()
    fallbacks: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Times are seconds; patterns are those of a shell (`BTC*`), case as written.

    `clear` None: clears when `when` does not hold. `channels` None: all. `rung` counts the rules of one ladder from 1,
    mildest first; 0 without ladder. `where` is the place in the file, for messages; `is_shipped`: that file is the
    program's own.
    """

    name: str
    scopes: tuple[MetricScope, ...]
    when: Condition
    accounts: tuple[str, ...] = MATCH_ALL
    symbols: tuple[str, ...] = MATCH_ALL
    assets: tuple[str, ...] = MATCH_ALL
    clear: Condition | None = None
    for_s: Decimal = Decimal(0)
    keep_firing_for_s: Decimal = Decimal(0)
    severity: Severity = "warning"
    channels: tuple[str, ...] | None = None
    repeat_s: Decimal = DEFAULT_REPEAT_S["warning"]
    escalate: tuple[EscalationStep, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    ladder: str | None = None
    rung: int = 0
    actions: tuple[str, ...] = ()
    where: str = field(default="", compare=False)
    is_shipped: bool = field(default=False, compare=False)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """All metrics that `when` or `clear` reads."""
        clear = self.clear.metric_names if self.clear is not None else ()
        return tuple(dict.fromkeys((*self.when.metric_names, *clear)))


class Finding(NamedTuple):
    """A rule's verdict on one subject. `value` is the first metric of `when`: may be infinite; None when missing."""

    holds: bool | MissingValue
    clears: bool | MissingValue
    value: Decimal | None


def evaluate_rule(rule: Rule, read: MetricReader) -> Finding:
    """Return the rule's verdict on the subject whose metrics are returned by `read`.

    The rule clears when `clear` holds and `when` does not; without `clear`, when `when` does not hold. An unknown
    `when` leaves both unknown.
    """
    holds = rule.when.evaluate(read)
    first = read(rule.when.metric_names[0])
    value = first if isinstance(first, Decimal) else None
    clears: bool | MissingValue
    if holds is False:
        clears = True if rule.clear is None else rule.clear.evaluate(read)
    elif holds is True:
        clears = False
    else:
        clears = holds
    return Finding(holds, clears, value)


def rule_applies(rule: Rule, account: str, scope: MetricScope, subject: str = "") -> bool:
    """Return whether the rule applies to this subject: its account, its scope, and its symbol or asset if it has one.

    The daemon itself is scope monitor of the account "".
    """
    if scope not in rule.scopes or not _matches(account, rule.accounts):
        return False
    if scope == "isolated":
        return _matches(subject, rule.symbols)
    return scope != "asset" or _matches(subject, rule.assets)


def merge_rules(shipped: Sequence[Rule], user_rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the shipped rules and the user's, rungs counted over all.

    A user's rule with the name of a shipped one replaces it, at the same position; all others follow the shipped ones.
    Raises RuleError when two of the user's own share a name.
    """
    merged = {rule.name: rule for rule in shipped}
    seen: dict[str, Rule] = {}
    for rule in user_rules:
        if rule.name in seen:
            there = f" (first in {seen[rule.name].where})" if seen[rule.name].where else ""
            raise RuleError(rule.where, f'the name "{rule.name}" is taken{there}', "give each rule a name of its own")
        seen[rule.name] = merged[rule.name] = rule
    rungs: dict[str, int] = {}
    counted = []
    for rule in merged.values():
        rung = 0
        if rule.ladder is not None:
            rung = rungs[rule.ladder] = rungs.get(rule.ladder, 0) + 1
        counted.append(replace(rule, rung=rung))
    return tuple(counted)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return patterns == MATCH_ALL or any(fnmatchcase(name, pattern) for pattern in patterns)
