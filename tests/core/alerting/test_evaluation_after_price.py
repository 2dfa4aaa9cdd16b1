"""Evaluation after a price: only what a price can change. Alerts about interest or odds may fire for weeks."""

from datetime import timedelta

from monitor.core.alerting.evaluation import Evaluation, evaluate_rules
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.alert import AlertState, NotificationReason
from monitor.core.rules.index import RuleIndex
from tests.core.alerting.test_evaluation import LOW, AccountUnderRules, notification_reasons, rules_of
from tests.support.examples.accounts import NOW, SETTINGS

SLOW = {"name": "slow", "scope": "cross", "when": "polled_margin_level < 2", "repeat": "1m"}
"""A rule about a metric that no price changes."""


def evaluate_after_price(account: AccountUnderRules, seconds: float) -> Evaluation:
    sight = MetricsSnapshot(account.state, SETTINGS, NOW + timedelta(seconds=seconds))
    figures = sight.get_many([("cross", "")])
    index = RuleIndex(account.rules, "main")
    return evaluate_rules(sight, figures, index, account.audience, account.numbers.__next__, after_price=True)


def test_price_does_not_advance_alerts_that_it_can_not_change() -> None:
    account = AccountUnderRules(rules_of(SLOW, LOW))
    account.read_at_level("1.9", 0)
    assert [alert.key.rule for alert in account.state.alerts.values()] == ["slow"]
    found = evaluate_after_price(account, 70)
    assert found == Evaluation(account.state.alerts)
    assert found.open is account.state.alerts


def test_price_that_changes_an_alert_leaves_the_reminders_of_others_to_the_next_tick() -> None:
    account = AccountUnderRules(rules_of(SLOW, {**LOW, "repeat": "1m"}))
    account.read_at_level("1.4", 0)
    slow, low = account.state.alerts.values()
    found = evaluate_after_price(account, 70)
    assert notification_reasons(found) == [(low.id, NotificationReason.REMINDED)]
    assert list(found.open) == [slow.key, low.key]
    assert found.open[slow.key] is slow
    assert notification_reasons(account.evaluate(70)) == [
        (slow.id, NotificationReason.REMINDED),
        (low.id, NotificationReason.REMINDED),
    ]


def test_worse_rung_that_no_price_can_change_inhibits_after_a_price_too() -> None:
    account = AccountUnderRules(rules_of({**LOW, "ladder": "mine", "repeat": "1m"}, {**SLOW, "ladder": "mine"}))
    account.read_at_level("1.4", 0)
    found = evaluate_after_price(account, 70)
    low, slow = found.open.values()
    assert (low.key.rule, low.state, low.inhibited_by) == ("low", AlertState.FIRING, slow.id)
    assert (slow.id, NotificationReason.REMINDED) in notification_reasons(found)
    assert all(number != low.id for number, _ in notification_reasons(found))
