"""A rule, its evaluation on one subject, and how rules are built and merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import NamedTuple

from monitor.core.model.alert import MetricScope, Severity
from monitor.core.model.metric import Missing
from monitor.core.rules.parser import Condition, MetricReader
from monitor.core.rules.rule_table import MATCH_ALL, EscalationStep, RuleError, RuleTableReader

__all__ = [
    "EscalationStep",
    "Finding",
    "Rule",
    "RuleError",
    "build_rule",
    "evaluate_rule",
    "merge_rules",
    "parse_rules",
    "rule_applies",
]

DEFAULT_REPEAT_S: Mapping[Severity, Decimal] = MappingProxyType(
    {"info": Decimal(86_400), "warning": Decimal(3_600), "critical": Decimal(300)}
)
"""Seconds between reminders for a rule without its own setting."""

RULE_KEYS = (
    "name",
    "scope",
    "accounts",
    "symbols",
    "assets",
    "when",
    "clear",
    "for",
    "keep_firing_for",
    "severity",
    "channels",
    "repeat",
    "escalate",
    "labels",
    "ladder",
    "action",
    "actions",
)
"""Every key of a `[[rules]]` table."""


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

    holds: bool | Missing
    clears: bool | Missing
    value: Decimal | None


def evaluate_rule(rule: Rule, read: MetricReader) -> Finding:
    """Return the rule's verdict on the subject whose metrics are returned by `read`.

    The rule clears when `clear` holds and `when` does not; without `clear`, when `when` does not hold. An unknown
    `when` leaves both unknown.
    """
    holds = rule.when.evaluate(read)
    first = read(rule.when.metric_names[0])
    value = first if isinstance(first, Decimal) else None
    clears: bool | Missing
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


def parse_rules(tables: Sequence[object], source: str) -> tuple[Rule, ...]:
    """Return the rules of one file's `[[rules]]` in file order, rungs counted. Raises RuleError."""
    rules = []
    for index, table in enumerate(tables):
        where = f"{source}: rules[{index}]"
        if not isinstance(table, Mapping):
            raise RuleError(where, "a rule is a table", "write it as [[rules]]")
        rules.append(build_rule(table, where))
    return merge_rules((), rules)


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


def build_rule(table: Mapping[str, object], where: str) -> Rule:
    """Return the rule of a `[[rules]]` table; `where` is its place, such as `config.toml: rules[0]`.

    Rungs are not counted here. Raises RuleError for an unknown or missing key and for every invalid value.
    """
    name = RuleTableReader(table, where).name()
    keys = RuleTableReader(table, f'{where} "{name}"')
    keys.reject_unknown(RULE_KEYS)
    scopes = keys.scopes()
    severity = keys.severity() or "warning"
    repeat_s = keys.seconds("repeat", DEFAULT_REPEAT_S[severity])
    if not repeat_s:
        raise RuleError(f"{keys.where}.repeat", "reminders need time between them", 'write repeat = "1m" or more')
    return Rule(
        name=name,
        scopes=scopes,
        when=keys.condition("when", scopes),
        accounts=keys.patterns("accounts"),
        symbols=keys.patterns_of("symbols", "isolated", scopes),
        assets=keys.patterns_of("assets", "asset", scopes),
        clear=keys.condition("clear", scopes) if "clear" in table else None,
        for_s=keys.seconds("for", Decimal(0)),
        keep_firing_for_s=keys.seconds("keep_firing_for", Decimal(0)),
        severity=severity,
        channels=keys.channels(),
        repeat_s=repeat_s,
        escalate=keys.escalations(severity),
        labels=keys.labels(),
        ladder=keys.ladder(),
        actions=keys.actions(),
        where=keys.where,
    )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return patterns == MATCH_ALL or any(fnmatchcase(name, pattern) for pattern in patterns)
