"""A drill: what a rule would say and to whom, from the mildest rung of its ladder to its end, without an alert.

Nothing of it enters the state of an account, so that no action can see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.core.alerting.lifecycle import Audience
from monitor.core.alerting.summary import summary_of
from monitor.core.metrics.snapshot import Sight, Subject
from monitor.core.model.alert import SEVERITIES, Alert, AlertKey, AlertState, Reason, Severity
from monitor.core.model.metric_values import Figures
from monitor.core.rules.rule import Rule, applies


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
class Stage:
    """One message of a drill. `number` counts from 1 to `of`."""

    rule: Rule
    reason: Reason
    severity: Severity
    channels: tuple[str, ...]
    number: int
    of: int


def stages(rules: Sequence[Rule], target: Rule, subject: Subject, account: str, audience: Audience) -> list[Stage]:
    """The milder rungs of the target's ladder, the target, each step of its escalation, and the end for all who heard.

    Of the rungs those that look at the subject.
    """
    milder = [
        rule
        for rule in rules
        if target.ladder is not None
        and rule.ladder == target.ladder
        and rule.rung < target.rung
        and applies(rule, account, *subject)
    ]
    walk: list[tuple[Rule, Reason, Severity, tuple[str, ...]]] = [
        (rule, Reason.FIRED, rule.severity, audience.of(rule, 0)) for rule in (*milder, target)
    ]
    severity = target.severity
    for taken, step in enumerate(target.escalate, start=1):
        severity = max(severity, step.severity or severity, key=SEVERITIES.index)
        walk.append((target, Reason.ESCALATED, severity, audience.of(target, taken)))
    heard = tuple(dict.fromkeys(name for _, _, _, channels in walk for name in channels))
    walk.append((target, Reason.RESOLVED, severity, heard))
    return [Stage(*each, number, len(walk)) for number, each in enumerate(walk, start=1)]


def subject_of(rule: Rule, account: str, sight: Sight | None) -> Subject | None:
    """What the drill is about: the first thing there is that the rule looks at; None where it looks at nothing of it.

    Where nothing there is fits, or nothing is known yet, only the rule's scope.
    """
    if sight is not None:
        for kind, name in sight.subjects:
            if applies(rule, account, kind, name):
                return kind, name
    here = [scope for scope in rule.scopes if applies(rule, account, scope, "")]
    return (here[0], "") if here else None


def exercise(stage: Stage, subject: Subject, account: str, figures: Figures | None, now: datetime) -> Alert:
    """The alert that the stage would be about, numbered 0, with the figures as they really are."""
    rule, over = stage.rule, stage.reason is Reason.RESOLVED
    return Alert(
        id=0,
        key=AlertKey(rule.name, account, *subject),
        state=AlertState.RESOLVED if over else AlertState.FIRING,
        severity=stage.severity,
        since=now,
        when=rule.when.text,
        clear=rule.clear.text if rule.clear is not None else f"not ({rule.when.text})",
        summary=summary_of(rule.when.names, figures) if figures is not None else rule.name,
        labels=rule.labels,
        fired_at=now,
        resolved_at=now if over else None,
        updated_at=now,
    )
