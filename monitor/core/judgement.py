"""Rules over figures → alerts over time → who is to be told."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.core.alerts import Alert, AlertKey, AlertState, Notification, Reason, Transition
from monitor.core.figures import Figures
from monitor.core.lifecycle import acknowledged, advance, gone, inhibiting, silencing, telling
from monitor.core.rules import Rule, applies, evaluate
from monitor.core.state import AccountState, Settings
from monitor.core.subjects import Subject, is_complete, subjects
from monitor.core.wording import summary_of


@dataclass(frozen=True, slots=True)
class Judged:
    """The open alerts after a look, and what of it must be remembered.

    `changed` has every alert whose story changed, those that ended among them; a mere new value is no story.
    """

    open: Mapping[AlertKey, Alert]
    changed: tuple[Alert, ...]
    transitions: tuple[Transition, ...]
    notifications: tuple[Notification, ...]


def judge(
    state: AccountState,
    figures: Mapping[Subject, Figures],
    rules: Iterable[Rule],
    channels: tuple[str, ...],
    settings: Settings,
    now: datetime,
    new_id: Callable[[], int],
) -> Judged:
    """Look at every rule of every measured subject, then at who has to be told.

    An alert whose rule or subject is gone resolves as gone, once every watched scope has been read.
    """
    by_name = {rule.name: rule for rule in rules}
    alerts = dict(state.alerts)
    transitions: list[Transition] = []
    for (kind, name), measured in figures.items():
        for rule in by_name.values():
            if not applies(rule, state.account, kind, name):
                continue
            key = AlertKey(rule.name, state.account, kind, name)
            known = alerts.get(key)
            finding = evaluate(rule, measured.read)
            if known is None and finding.holds is not True:
                continue
            summary = summary_of(rule.when.names, measured)
            change = advance(rule, key, known, finding, summary, now, new_id)
            if change.alert is not None:
                alerts[key] = change.alert
            if change.transition is not None:
                transitions.append(change.transition)
    for key in _gone(state, alerts, by_name, settings) if figures else ():
        change = gone(alerts[key], now)
        if change.alert is not None and change.transition is not None:
            alerts[key] = change.alert
            transitions.append(change.transition)
    notifications = _tell(alerts, by_name, state, channels, now)
    changed = tuple(a for key, a in alerts.items() if _story(a) != _story(state.alerts.get(key)))
    still_open = {key: a for key, a in alerts.items() if a.state in (AlertState.PENDING, AlertState.FIRING)}
    return Judged(still_open, changed, tuple(transitions), notifications)


def _gone(
    state: AccountState, alerts: Mapping[AlertKey, Alert], rules: Mapping[str, Rule], settings: Settings
) -> list[AlertKey]:
    present = set(subjects(state, settings))
    complete = is_complete(state, settings)
    return [
        key
        for key, alert in alerts.items()
        if alert.state in (AlertState.PENDING, AlertState.FIRING)
        and (key.rule not in rules or (complete and (key.scope, key.subject) not in present))
    ]


def _tell(
    alerts: dict[AlertKey, Alert],
    rules: Mapping[str, Rule],
    state: AccountState,
    channels: tuple[str, ...],
    now: datetime,
) -> tuple[Notification, ...]:
    """Notifications due now; `alerts` is brought up to date with acks, silences and inhibition."""
    acks = {ack.alert: ack for ack in state.operator.acks}
    firing = {key: (a, rules[key.rule]) for key, a in alerts.items() if a.state is AlertState.FIRING}
    due: list[Notification] = []
    for key, (alert, rule) in firing.items():
        seen = replace(
            acknowledged(alert, acks),
            silenced_by=silencing(alert, state.operator.silences, now),
            inhibited_by=inhibiting(alert, rule, firing),
        )
        told, notification = telling(seen, rule, channels, now)
        alerts[key] = told
        due += [notification] if notification is not None else []
    for alert in alerts.values():
        if alert.state is AlertState.RESOLVED and alert.notified_at is not None:
            # Whoever never heard of it is left out when it is sent; escalation may have told further channels.
            due.append(Notification(alert.id, Reason.RESOLVED, alert.severity, _all_told(alert, rules, channels), now))
    return tuple(due)


def _all_told(alert: Alert, rules: Mapping[str, Rule], channels: tuple[str, ...]) -> tuple[str, ...]:
    rule = rules.get(alert.key.rule)
    if rule is None or rule.channels is None:
        return channels
    return tuple(dict.fromkeys((*rule.channels, *(c for s in rule.escalate[: alert.escalated] for c in s.channels))))


def _story(alert: Alert | None) -> Alert | None:
    """The alert without what only moves on: its value and its times of looking."""
    if alert is None:
        return None
    return replace(alert, value=None, summary="", updated_at=None, pending_s=type(alert.pending_s)(0))
