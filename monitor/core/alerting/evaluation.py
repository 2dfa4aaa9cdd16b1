"""Rules over figures → alerts over time → who is to be told."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from monitor.core.alerting.lifecycle import (
    Audience,
    acknowledged,
    advance,
    gone,
    inhibiting,
    silencing,
    telling,
    worsened,
    worst_rungs,
)
from monitor.core.alerting.stale_data import blind_text
from monitor.core.alerting.summary import summary_of
from monitor.core.metrics.snapshot import MONITOR, Sight, Subject
from monitor.core.metrics.unknown_conditions import lacking, unknown_text
from monitor.core.model.alert import Alert, AlertKey, AlertState, Notification, Reason, Transition
from monitor.core.model.metric import Missing
from monitor.core.model.metric_values import Figures
from monitor.core.rules.index import Docket
from monitor.core.rules.rule import Finding, Rule, evaluate

OPEN = (AlertState.PENDING, AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class Judged:
    """The open alerts after a look, and what of it must be remembered.

    `changed` has every alert whose story changed, those that ended among them; a mere new value is no story.
    """

    open: Mapping[AlertKey, Alert]
    changed: tuple[Alert, ...] = ()
    transitions: tuple[Transition, ...] = ()
    notifications: tuple[Notification, ...] = ()
    unknown: Mapping[AlertKey, tuple[str, ...]] = field(default_factory=dict)
    """The critical conditions that were looked at and are unknown, with the metrics that they lack."""


def judge(
    sight: Sight,
    figures: Mapping[Subject, Figures],
    docket: Docket,
    audience: Audience,
    new_id: Callable[[], int],
    *,
    after_price: bool = False,
) -> Judged:
    """Look at every rule of the measured subjects, then at who has to be told of these.

    With `after_price` only at the rules that a price can change. When all subjects were measured, an alert whose rule
    is gone or does not look at its subject any more resolves as gone; so does one whose subject is gone, once every
    watched scope has been read.
    """
    state, now = sight.state, sight.now
    before = {key: alert for key, alert in state.alerts.items() if (key.scope, key.subject) in figures}
    alerts = dict(before)
    transitions: list[Transition] = []
    unknown: dict[AlertKey, tuple[str, ...]] = {}
    for (kind, name), measured in figures.items():
        read = measured.read
        for rule, key, holds in docket.cases(kind, name, after_price=after_price):
            known = alerts.get(key) if alerts else None
            verdict = holds(read)
            if verdict is Missing.UNAVAILABLE and rule.severity == "critical":
                unknown[key] = lacking(rule.when.names, read)
            if known is None and verdict is not True:
                continue
            finding = evaluate(rule, read)
            if known is not None and kind == "monitor" and finding.holds is False:
                finding = _believable(finding, rule, sight)
            change = advance(rule, key, known, finding, _summary(rule, finding, measured, sight), now, new_id)
            if change.alert is not None:
                alerts[key] = change.alert
            if change.transition is not None:
                transitions.append(change.transition)
    if MONITOR in figures:
        before = dict(state.alerts)
        for key in _gone(sight, docket):
            change = gone(before[key], now)
            if change.alert is not None and change.transition is not None:
                alerts[key] = change.alert
                transitions.append(change.transition)
    if not alerts:
        return Judged(state.alerts, unknown=unknown)
    notifications = _tell(sight, alerts, docket.by_name, audience)
    changed = tuple(a for key, a in alerts.items() if _story(a) != _story(before.get(key)))
    still_open = {key: a for key, a in (dict(state.alerts) | alerts).items() if a.state in OPEN}
    return Judged(still_open, changed, tuple(transitions), notifications, unknown)


def abandoned(alerts: Iterable[Alert], audience: Audience, now: datetime) -> Judged:
    """The open alerts of an account that is not watched any more: each is gone, and told to all who may have heard."""
    changes = [gone(alert, now) for alert in alerts if alert.state in OPEN]
    changed = tuple(change.alert for change in changes if change.alert is not None)
    told = tuple(
        Notification(a.id, Reason.RESOLVED, a.severity, audience.who_may_have_heard(None, a.escalated), now)
        for a in changed
        if a.state is AlertState.RESOLVED and a.notified_at is not None
    )
    return Judged({}, changed, tuple(c.transition for c in changes if c.transition is not None), told)


def _believable(finding: Finding, rule: Rule, sight: Sight) -> Finding:
    """The finding that it is over, unless it rests on what was only counted since the start: then nothing is known."""
    if sight.only_counted.isdisjoint(rule.names):
        return finding
    return Finding(Missing.UNAVAILABLE, Missing.UNAVAILABLE, finding.value)


def _summary(rule: Rule, finding: Finding, measured: Figures, sight: Sight) -> str:
    """The condition in a few words; of blindness the worst case too."""
    age = measured.read("data_age") if rule.when.names[:1] == ("data_age",) else None
    if finding.holds is True and isinstance(age, Decimal):
        return blind_text(sight, age)
    if finding.holds is True and rule.when.names[:1] == ("conditions_unknown",):
        return unknown_text(sight.state.unknown, sight.now)
    return summary_of(rule.when.names, measured)


def _gone(sight: Sight, docket: Docket) -> list[AlertKey]:
    present = set(sight.subjects)
    return [
        key
        for key in sight.state.alerts
        if not docket.looks_at(key) or (sight.is_complete and (key.scope, key.subject) not in present)
    ]


def _tell(
    sight: Sight, alerts: dict[AlertKey, Alert], rules: Mapping[str, Rule], audience: Audience
) -> tuple[Notification, ...]:
    """Notifications due now; `alerts` is brought up to date with acks, silences and inhibition."""
    operator, now = sight.state.operator, sight.now
    acks = {ack.alert: ack for ack in operator.acks}
    firing = {key: (a, rules[key.rule]) for key, a in alerts.items() if a.state is AlertState.FIRING}
    by_number = {alert.id: alert for alert, _ in firing.values()}
    worst = worst_rungs(firing.values())
    due: list[Notification] = []
    for key, (alert, rule) in firing.items():
        inhibited_by = inhibiting(alert, rule, worst)
        worse = None if inhibited_by is None else by_number[inhibited_by]
        seen = replace(
            worsened(acknowledged(alert, acks), worse, now),
            silenced_by=silencing(alert, operator.silences, now),
            inhibited_by=inhibited_by,
        )
        told, notification = telling(seen, rule, audience, now)
        alerts[key] = told
        due += [notification] if notification is not None else []
    for alert in alerts.values():
        if alert.state is AlertState.RESOLVED and alert.notified_at is not None:
            # A channel that never heard of it is left out when it is sent.
            to = audience.who_may_have_heard(rules.get(alert.key.rule), alert.escalated)
            due.append(Notification(alert.id, Reason.RESOLVED, alert.severity, to, now))
    return tuple(due)


def _story(alert: Alert | None) -> tuple[object, ...] | None:
    """What of an alert is remembered at once; values and times of looking only move on."""
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
        alert.gone,
    )
