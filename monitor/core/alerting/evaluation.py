"""Evaluation of rules on measured subjects: alerts, their transitions and the notifications due."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from monitor.core.alerting.condition_summary import summarize_condition
from monitor.core.alerting.lifecycle import (
    ChannelRouting,
    active_silence,
    advance,
    close_as_gone,
    find_inhibitor,
    find_worst_firing,
    next_notification,
    reset_ack_if_worse,
    with_ack,
)
from monitor.core.alerting.silence_notices import silence_notices
from monitor.core.alerting.stale_data import stale_summary
from monitor.core.metrics.snapshot import MONITOR_SUBJECT, MetricsSnapshot, Subject
from monitor.core.metrics.unknown_conditions import missing_metrics, unknown_text
from monitor.core.model.alert import Alert, AlertKey, AlertState, AlertTransition, Notification, NotificationReason
from monitor.core.model.journal import Notice
from monitor.core.model.metric import MissingValue
from monitor.core.model.metric_values import MetricValues
from monitor.core.rules.index import RuleIndex
from monitor.core.rules.rule import Finding, Rule, evaluate_rule

OPEN_STATES = (AlertState.PENDING, AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Open alerts after one evaluation of the rules, and the changes that must be recorded.

    `changed` holds every alert of which a recorded field changed, ended ones included. A new value alone is no change.
    """

    open: Mapping[AlertKey, Alert]
    changed: tuple[Alert, ...] = ()
    transitions: tuple[AlertTransition, ...] = ()
    notifications: tuple[Notification, ...] = ()
    unknown: Mapping[AlertKey, tuple[str, ...]] = field(default_factory=dict)
    """Critical conditions that were evaluated and are unknown, with the metrics that they lack."""
    notices: tuple[Notice, ...] = ()
    """Notices about silences that end."""


def evaluate_rules(
    snapshot: MetricsSnapshot,
    metrics: Mapping[Subject, MetricValues],
    rule_index: RuleIndex,
    routing: ChannelRouting,
    new_id: Callable[[], int],
    *,
    after_price: bool = False,
) -> Evaluation:
    """Evaluate every rule of the measured subjects, then decide which notifications of their alerts are due.

    With `after_price`, only the rules that a price can change are evaluated; alerts of rules that are not on a ladder
    with one of these wait for the next tick. When all subjects were measured, an alert resolves as gone if its rule was
    removed or no longer applies to its subject. An alert whose subject is gone resolves as gone, too, once every
    watched scope has been read.
    """
    state, now = snapshot.state, snapshot.now
    names = rule_index.names_after_price
    before = {
        key: alert
        for key, alert in state.alerts.items()
        if (not after_price or key.rule in names) and (key.scope, key.subject) in metrics
    }
    alerts = dict(before)
    transitions: list[AlertTransition] = []
    unknown: dict[AlertKey, tuple[str, ...]] = {}
    is_affected = False
    for (kind, name), measured in metrics.items():
        read = measured.read
        for rule, key, holds in rule_index.rules_for(kind, name, after_price=after_price):
            known = alerts.get(key) if alerts else None
            verdict = holds(read)
            if verdict is MissingValue.UNAVAILABLE and rule.severity == "critical":
                unknown[key] = missing_metrics(rule.when.metric_names, read)
            if known is None and verdict is not True:
                continue
            is_affected = True
            finding = evaluate_rule(rule, read)
            if known is not None and kind == "monitor" and finding.holds is False:
                finding = _downgrade_unseen(finding, rule, snapshot)
            change = advance(rule, key, known, finding, _summary(rule, finding, measured, snapshot), now, new_id)
            if change.alert is not None:
                alerts[key] = change.alert
            if change.transition is not None:
                transitions.append(change.transition)
    if MONITOR_SUBJECT in metrics:
        before = dict(state.alerts)
        for key in _gone_keys(snapshot, rule_index):
            change = close_as_gone(before[key], now)
            if change.alert is not None and change.transition is not None:
                alerts[key] = change.alert
                transitions.append(change.transition)
    if not alerts or (after_price and not is_affected):
        # Alerts of interest or odds may fire for weeks: their reminders wait for the next tick.
        return Evaluation(state.alerts, unknown=unknown)
    notifications = _due_notifications(snapshot, alerts, rule_index.by_name, routing)
    notices: tuple[Notice, ...] = ()
    if MONITOR_SUBJECT in metrics:
        # All alerts of the account at once, so that a silence has one notice.
        found = silence_notices(alerts, state.commands, rule_index.by_name, routing, now)
        alerts |= found.alerts
        notices = found.notices
    changed = tuple(a for key, a in alerts.items() if _persisted(a) != _persisted(before.get(key)))
    still_open = {key: a for key, a in (dict(state.alerts) | alerts).items() if a.state in OPEN_STATES}
    return Evaluation(still_open, changed, tuple(transitions), notifications, unknown, notices)


def close_abandoned(alerts: Iterable[Alert], routing: ChannelRouting, now: datetime) -> Evaluation:
    """Close the open alerts of an account that is no longer watched: all are gone.

    The end of an alert that was notified is sent to every channel that may have received it.
    """
    changes = [close_as_gone(alert, now) for alert in alerts if alert.state in OPEN_STATES]
    changed = tuple(change.alert for change in changes if change.alert is not None)
    notifications = tuple(
        Notification(a.id, NotificationReason.RESOLVED, a.severity, routing.possible_recipients(None, a.escalated), now)
        for a in changed
        if a.state is AlertState.RESOLVED and a.notified_at is not None
    )
    return Evaluation({}, changed, tuple(c.transition for c in changes if c.transition is not None), notifications)


def _downgrade_unseen(finding: Finding, rule: Rule, snapshot: MetricsSnapshot) -> Finding:
    """Finding of a rule that does not hold; unknown if the rule reads a metric not seen since the daemon's start."""
    if snapshot.unseen_since_start.isdisjoint(rule.metric_names):
        return finding
    return Finding(MissingValue.UNAVAILABLE, MissingValue.UNAVAILABLE, finding.value)


def _summary(rule: Rule, finding: Finding, metrics: MetricValues, snapshot: MetricsSnapshot) -> str:
    """One-line summary of the condition. For stale data it includes the worst case."""
    age = metrics.read("data_age") if rule.when.metric_names[:1] == ("data_age",) else None
    if finding.holds is True and isinstance(age, Decimal):
        return stale_summary(snapshot, age)
    if finding.holds is True and rule.when.metric_names[:1] == ("conditions_unknown",):
        return unknown_text(snapshot.state.measurement.unknown_conditions, snapshot.now)
    return summarize_condition(rule.when.metric_names, metrics)


def _gone_keys(snapshot: MetricsSnapshot, rule_index: RuleIndex) -> list[AlertKey]:
    present = set(snapshot.subjects)
    return [
        key
        for key in snapshot.state.alerts
        if not rule_index.covers(key) or (snapshot.is_complete and (key.scope, key.subject) not in present)
    ]


def _due_notifications(
    snapshot: MetricsSnapshot, alerts: dict[AlertKey, Alert], rules: Mapping[str, Rule], routing: ChannelRouting
) -> tuple[Notification, ...]:
    """Notifications due now. Updates `alerts` with acks, silences and inhibition."""
    operator, now = snapshot.state.commands, snapshot.now
    acks = {ack.alert: ack for ack in operator.acks}
    firing = {key: (a, rules[key.rule]) for key, a in alerts.items() if a.state is AlertState.FIRING}
    by_number = {alert.id: alert for alert, _ in firing.values()}
    worst = find_worst_firing(firing.values())
    due: list[Notification] = []
    for key, (alert, rule) in firing.items():
        inhibited_by = find_inhibitor(alert, rule, worst)
        worse_alert = None if inhibited_by is None else by_number[inhibited_by]
        updated = replace(
            reset_ack_if_worse(with_ack(alert, acks), worse_alert, now),
            silenced_by=active_silence(alert, operator.silences, now),
            inhibited_by=inhibited_by,
        )
        notified, notification = next_notification(updated, rule, routing, now)
        alerts[key] = notified
        due += [notification] if notification is not None else []
    for alert in alerts.values():
        if alert.state is AlertState.RESOLVED and alert.notified_at is not None:
            # The outbox skips a channel that was never notified of the alert.
            to = routing.possible_recipients(rules.get(alert.key.rule), alert.escalated)
            due.append(Notification(alert.id, NotificationReason.RESOLVED, alert.severity, to, now))
    return tuple(due)


def _persisted(alert: Alert | None) -> tuple[object, ...] | None:
    """Fields of an alert whose change is recorded at once. Values and evaluation times are not among them."""
    if alert is None:
        return None
    return (
        alert.state,
        alert.severity,
        alert.fired_at,
        alert.resolved_at,
        alert.unknown_since,
        alert.clear_since is None,
        alert.notified_at,
        alert.told_since,
        alert.escalated,
        alert.acked_at,
        alert.ack_ended_at,
        alert.silenced_by,
        alert.inhibited_by,
        alert.kept_quiet_by,
        alert.end_announced,
        alert.gone,
    )
