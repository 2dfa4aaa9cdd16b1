"""Which rules look at what: worked out once, so that an event asks only those that it can change."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from monitor.core.model.alert import AlertKey, MetricScope
from monitor.core.model.metric import Missing
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
"""What a price changes at once. What is counted in days, as the time by interest, waits for the next tick."""


class IndexedRule(NamedTuple):
    """A rule, the alert that it would raise about the subject in question, and whether it holds."""

    rule: Rule
    key: AlertKey
    holds: Callable[[MetricReader], bool | Missing]


class RuleIndex:
    """The rules of one account, by what they look at, in their order."""

    def __init__(self, rules: Sequence[Rule], account: str) -> None:
        self.account = account
        self.by_name = {rule.name: rule for rule in rules}
        self._rules = tuple(rules)
        self._by_subject: dict[tuple[MetricScope, str, bool], tuple[IndexedRule, ...]] = {}

    def rules_for(self, scope: MetricScope, subject: str, *, after_price: bool = False) -> tuple[IndexedRule, ...]:
        """The rules that look at the subject; with `after_price` those alone that a price can change."""
        wanted = (scope, subject, after_price)
        found = self._by_subject.get(wanted)
        if found is None:
            found = self._by_subject[wanted] = tuple(
                IndexedRule(rule, AlertKey(rule.name, self.account, scope, subject), rule.when.evaluate)
                for rule in self._rules
                if rule_applies(rule, self.account, scope, subject)
                and not (after_price and PRICE_SENSITIVE_METRICS.isdisjoint(rule.metric_names))
            )
        return found

    def covers(self, key: AlertKey) -> bool:
        """Whether the alert's rule is still there and looks at its subject."""
        rule = self.by_name.get(key.rule)
        return rule is not None and rule_applies(rule, key.account, key.scope, key.subject)
