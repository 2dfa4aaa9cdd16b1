"""A drill: what a rule would say and to whom, from the mildest rung of its ladder to its end, without an alert.

Nothing of it enters the state of an account, so that no action can see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.alerting.summary import summarize
from monitor.core.metrics.snapshot import MetricsSnapshot, Subject
from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason, Severity, severity_rank
from monitor.core.model.metric_values import MetricValues
from monitor.core.rules.rule import Rule, rule_applies


@dataclass(frozen=True, slots=True)
class Drill:
    """A rule that the daemon is to fire once for practice. `outcome` is what came of it."""

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
    """The milder rungs of the target's ladder, the target, each step of its escalation, and the end for all who heard.

    Of the rungs those that look at the subject.
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
    return [DrillStage(*each, number, len(sequence)) for number, each in enumerate(sequence, start=1)]


def drill_subject(rule: Rule, account: str, snapshot: MetricsSnapshot | None) -> Subject | None:
    """What the drill is about: the first thing there is that the rule looks at; None where it looks at nothing of it.

    Where nothing there is fits, or nothing is known yet, only the rule's scope.
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
    """The alert that the stage would be about, numbered 0, with the figures as they really are."""
    rule, is_over = stage.rule, stage.reason is NotificationReason.RESOLVED
    return Alert(
        id=0,
        key=AlertKey(rule.name, account, *subject),
        state=AlertState.RESOLVED if is_over else AlertState.FIRING,
        severity=stage.severity,
        since=now,
        when=rule.when.text,
        clear=rule.clear.text if rule.clear is not None else f"not ({rule.when.text})",
        summary=summarize(rule.when.metric_names, metrics) if metrics is not None else rule.name,
        labels=rule.labels,
        fired_at=now,
        resolved_at=now if is_over else None,
        updated_at=now,
    )
