"""Index of an account's rules by subject, computed once, so that an event evaluates only rules that it can change."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from monitor.core.model.alert import AlertKey, MetricScope
from monitor.core.model.metric import MissingValue
from monitor.core.rules.parser import MetricReader
from monitor.core.rules.rule import Rule, rule_applies

PRICE_SENSITIVE_METRICS = frozenset(
    {
        "margin_level",
        "margin_level_change_5m",
        "assets_usdt",
        "liabilities_usdt",
        "equity_usdt",
        "interest_usdt",
        "drop_to_liquidation",
        "rise_to_liquidation",
        "drop_to_margin_call",
        "distance_to_liquidation",
        "index_price",
    }
)
"""Metrics that a price changes at once.

Metrics counted in days, such as the time until interest liquidates, wait for the next tick.
"""


class IndexedRule(NamedTuple):
    """A rule, the key of its alert about the subject, and the check of its condition."""

    rule: Rule
    key: AlertKey
    holds: Callable[[MetricReader], bool | MissingValue]


class RuleIndex:
    """The rules of one account by subject, in their order."""

    def __init__(self, rules: Sequence[Rule], account: str) -> None:
        self.account = account
        self.by_name = {rule.name: rule for rule in rules}
        self._rules = tuple(rules)
        sensitive = [rule for rule in rules if _is_price_sensitive(rule)]
        ladders = {rule.ladder for rule in sensitive} - {None}
        self.names_after_price = frozenset(
            [rule.name for rule in sensitive] + [rule.name for rule in rules if rule.ladder in ladders]
        )
        """Names of the rules that a price can change, and of the other rungs of their ladders."""
        self._by_subject: dict[tuple[MetricScope, str, bool], tuple[IndexedRule, ...]] = {}

    def rules_for(self, scope: MetricScope, subject: str, *, after_price: bool = False) -> tuple[IndexedRule, ...]:
        """Return the rules that apply to the subject; with `after_price` only those that a price can change."""
        wanted = (scope, subject, after_price)
        found = self._by_subject.get(wanted)
        if found is None:
            found = self._by_subject[wanted] = tuple(
                IndexedRule(rule, AlertKey(rule.name, self.account, scope, subject), rule.when.evaluate)
                for rule in self._rules
                if rule_applies(rule, self.account, scope, subject)
                and not (after_price and not _is_price_sensitive(rule))
            )
        return found

    def covers(self, key: AlertKey) -> bool:
        """Return whether the alert's rule still exists and applies to its subject."""
        rule = self.by_name.get(key.rule)
        return rule is not None and rule_applies(rule, key.account, key.scope, key.subject)


def _is_price_sensitive(rule: Rule) -> bool:
    return not PRICE_SENSITIVE_METRICS.isdisjoint(rule.metric_names)
