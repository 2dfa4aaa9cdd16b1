"""Drill: the messages that a rule would send, from the mildest rung of its ladder to the end, without an alert.

No drill enters the state of an account, so that no action can see one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.core.alerting.condition_summary import summarize_condition
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.metrics.snapshot import MetricsSnapshot, Subject
from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason, Severity, severity_rank
from monitor.core.model.metric_values import MetricValues
from monitor.core.rules.rule import Rule, rule_applies


@dataclass(frozen=True, slots=True)
class Drill:
    """Request to send the messages of one rule once for practice. `outcome` says how the drill ended."""

    id: int
    rule: str
    by: str
    requested_at: datetime
    done_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class DrillStage:
    """One message of a drill. `number` counts from 1 to `of`."""

    rule: Rule
    reason: NotificationReason
    severity: Severity
    channels: tuple[str, ...]
    number: int
    of: int


def drill_stages(
    rules: Sequence[Rule], target: Rule, subject: Subject, account: str, routing: ChannelRouting
) -> list[DrillStage]:
    """Stages of a drill: milder rungs of the target's ladder, the target, each step of its escalation, the end.

    Only the rungs that apply to the subject are included. The end goes to every channel of the earlier stages.
    """
    milder = [
        rule
        for rule in rules
        if target.ladder is not None
        and rule.ladder == target.ladder
        and rule.rung < target.rung
        and rule_applies(rule, account, *subject)
    ]
    sequence: list[tuple[Rule, NotificationReason, Severity, tuple[str, ...]]] = [
        (rule, NotificationReason.FIRED, rule.severity, routing.channels_for(rule, 0)) for rule in (*milder, target)
    ]
    severity = target.severity
    for steps, step in enumerate(target.escalate, start=1):
        severity = max(severity, step.severity or severity, key=severity_rank)
        sequence.append((target, NotificationReason.ESCALATED, severity, routing.channels_for(target, steps)))
    recipients = tuple(dict.fromkeys(name for _, _, _, channels in sequence for name in channels))
    sequence.append((target, NotificationReason.RESOLVED, severity, recipients))
    return [DrillStage(*stage, number, len(sequence)) for number, stage in enumerate(sequence, start=1)]


def drill_subject(rule: Rule, account: str, snapshot: MetricsSnapshot | None) -> Subject | None:
    """Subject of a drill: the first measured subject to which the rule applies.

    Without such a subject, or without a snapshot, it is a scope of the rule with an empty name. None if the rule does
    not apply to the account in any scope.
    """
    if snapshot is not None:
        for kind, name in snapshot.subjects:
            if rule_applies(rule, account, kind, name):
                return kind, name
    matching_scopes = [scope for scope in rule.scopes if rule_applies(rule, account, scope, "")]
    return (matching_scopes[0], "") if matching_scopes else None


def drill_alert(
    stage: DrillStage, subject: Subject, account: str, metrics: MetricValues | None, now: datetime
) -> Alert:
    """Alert of one stage of a drill, with the number 0 and the real figures of the subject."""
    rule, is_over = stage.rule, stage.reason is NotificationReason.RESOLVED
    return Alert(
        id=0,
        key=AlertKey(rule.name, account, *subject),
        state=AlertState.RESOLVED if is_over else AlertState.FIRING,
        severity=stage.severity,
        since=now,
        when=rule.when.text,
        clear=rule.clear.text if rule.clear is not None else f"not ({rule.when.text})",
        summary=summarize_condition(rule.when.metric_names, metrics) if metrics is not None else rule.name,
        labels=rule.labels,
        fired_at=now,
        resolved_at=now if is_over else None,
        updated_at=now,
    )
