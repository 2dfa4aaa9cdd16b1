"""Life cycle of an alert: inactive → pending → firing → resolved, and the notifications due on the way."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.alerting.silence_matchers import matches_labels
from monitor.core.model.alert import (
    Ack,
    Alert,
    AlertKey,
    AlertState,
    AlertTransition,
    MetricScope,
    Notification,
    NotificationReason,
    Silence,
    severity_rank,
)
from monitor.core.model.metric import MissingValue
from monitor.core.numbers.durations import seconds_between, to_seconds
from monitor.core.rules.rule import Finding, Rule

MAX_EVALUATION_GAP = timedelta(minutes=3)
"""Most time that one evaluation may count as observed: a process that stalled for longer observed no more of it."""

WorstFiring = Mapping[tuple[str, str, MetricScope, str], tuple[int, int]]
"""The worst firing rung and the number of its alert, by ladder and subject (account, scope, name)."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert after one evaluation of its condition, with the transition that the evaluation caused."""

    alert: Alert | None
    transition: AlertTransition | None = None


@dataclass(frozen=True, slots=True)
class ChannelRouting:
    """All channels of the configuration, and the fallback of each channel that has one."""

    channels: tuple[str, ...] = ()
    fallbacks: Mapping[str, str] = field(default_factory=dict)

    def channels_for(self, rule: Rule, steps: int) -> tuple[str, ...]:
        """Channels that a rule notifies once `steps` of its escalation are taken."""
        taken = rule.escalate[:steps]
        initial = self.channels if rule.channels is None else rule.channels
        recipients = [*initial, *(name for step in taken for name in step.channels)]
        if any(step.fallbacks for step in taken):
            recipients += [self.fallbacks[name] for name in recipients if name in self.fallbacks]
        return tuple(dict.fromkeys(recipients))

    def possible_recipients(self, rule: Rule | None, steps: int) -> tuple[str, ...]:
        """Channels that may have been notified of an alert: those of the rule and their fallbacks.

        All channels if `rule` is None: the rule was removed.
        """
        if rule is None:
            return self.channels
        recipients = self.channels_for(rule, steps)
        return tuple(
            dict.fromkeys((*recipients, *(self.fallbacks[name] for name in recipients if name in self.fallbacks)))
        )


def advance(
    rule: Rule,
    key: AlertKey,
    alert: Alert | None,
    finding: Finding,
    summary: str,
    now: datetime,
    new_id: Callable[[], int],
) -> AlertChange:
    """Advance an alert by one finding of its rule.

    `alert` is None, pending or firing. A returned alert of state inactive or resolved has ended. Without data only
    `unknown_since` changes: the alert neither fires nor clears, and no time counts for it.
    """
    if MissingValue.NOT_APPLICABLE in (finding.holds, finding.clears):
        return close_as_gone(alert, now) if alert is not None else AlertChange(None)
    if alert is None:
        return _new_alert(rule, key, finding, summary, now, new_id()) if finding.holds is True else AlertChange(None)
    firing = alert.state is AlertState.FIRING
    unknown = finding.holds is MissingValue.UNAVAILABLE or (firing and finding.clears is MissingValue.UNAVAILABLE)
    observed_s, unobserved = _observed_time(alert, now, unknown)
    updated = replace(
        alert,
        unknown_since=(alert.unknown_since or now) if unknown else None,
        # Time without data does not count as clear: the start moves on by it.
        clear_since=alert.clear_since + unobserved if alert.clear_since is not None else None,
        updated_at=now,
    )
    if unknown:
        return AlertChange(updated)
    if finding.holds is True:
        return _advance_holding(rule, updated, finding, summary, observed_s, now)
    return _advance_not_holding(rule, updated, finding, summary, now)


def close_as_gone(alert: Alert, now: datetime) -> AlertChange:
    """End an alert whose subject or rule no longer exists."""
    if alert.state is AlertState.PENDING:
        return _transition_to(replace(alert, gone=True), AlertState.INACTIVE, now, "gone")
    return _transition_to(replace(alert, gone=True, resolved_at=now), AlertState.RESOLVED, now, "gone")


def with_ack(alert: Alert, acks: Mapping[int, Ack]) -> Alert:
    """The alert with the newest ack of it. An ack ends with the alert, or when a worse rung fires."""
    ack = acks.get(alert.id)
    if ack is None or alert.acked_at == ack.at or (alert.ack_ended_at is not None and ack.at <= alert.ack_ended_at):
        return alert
    return replace(alert, acked_by=ack.by, acked_at=ack.at, ack_comment=ack.comment)


def reset_ack_if_worse(alert: Alert, worse_alert: Alert | None, now: datetime) -> Alert:
    """The alert without its ack, if `worse_alert` began to fire after the ack.

    The person who acknowledged the milder alert had not seen the worse one.
    """
    if (
        worse_alert is None
        or worse_alert.fired_at is None
        or alert.acked_at is None
        or worse_alert.fired_at <= alert.acked_at
    ):
        return alert
    return replace(alert, acked_by=None, acked_at=None, ack_comment=None, ack_ended_at=now)


def active_silence(alert: Alert, silences: tuple[Silence, ...], now: datetime) -> int | None:
    """Id of a silence that holds for the alert now; None if no silence does.

    A critical alert is silenced only by a silence that includes critical alerts.
    """
    labels = all_labels(alert)
    for silence in silences:
        is_exempt = alert.severity == "critical" and not silence.include_critical
        if (
            not is_exempt
            and silence.starts_at <= now < silence.ends_at
            and all(matches_labels(matcher, labels) for matcher in silence.matchers)
        ):
            return silence.id
    return None


def find_worst_firing(firing: Iterable[tuple[Alert, Rule]]) -> WorstFiring:
    """Worst firing rung of each ladder of each subject."""
    worst: dict[tuple[str, str, MetricScope, str], tuple[int, int]] = {}
    for alert, rule in firing:
        if rule.ladder is not None:
            ladder_key = (rule.ladder, alert.key.account, alert.key.scope, alert.key.subject)
            worst[ladder_key] = max(worst.get(ladder_key, (0, 0)), (rule.rung, alert.id))
    return worst


def find_inhibitor(alert: Alert, rule: Rule, worst: WorstFiring) -> int | None:
    """Number of the alert on the worst firing rung of the same ladder and subject; None if that rung is not worse."""
    if rule.ladder is None:
        return None
    rung, number = worst.get((rule.ladder, alert.key.account, alert.key.scope, alert.key.subject), (0, 0))
    return number if rung > rule.rung else None


def next_notification(
    alert: Alert, rule: Rule, routing: ChannelRouting, now: datetime
) -> tuple[Alert, Notification | None]:
    """Notification of a firing alert that is due now, or None; and the alert updated with it.

    A silenced or inhibited alert is not notified. If it still fires when the silence or inhibition ends, it is notified
    then, and its escalation starts again. An ack stops reminders and escalation. So does missing data, for which there
    are rules of its own (`data_age`).
    """
    if alert.state is not AlertState.FIRING:
        return alert, None
    if alert.silenced_by is not None or alert.inhibited_by is not None:
        return replace(alert, told_since=None), None
    if alert.unknown_since is not None:
        return alert, None
    continued = replace(alert, told_since=alert.told_since or now)
    steps = max(alert.escalated, _escalation_steps_due(continued, rule, now))
    if alert.notified_at is None:
        reason = NotificationReason.FIRED
    elif steps > alert.escalated:
        reason = NotificationReason.ESCALATED
    elif alert.acked_at is None and _is_reminder_due(alert, rule, now):
        reason = NotificationReason.REMINDED
    else:
        return continued, None
    raised = [step.severity for step in rule.escalate[:steps] if step.severity is not None]
    severity = max((alert.severity, rule.severity, *raised), key=severity_rank)
    notified = replace(continued, severity=severity, escalated=steps, notified_at=now)
    recipients = routing.channels_for(rule, steps)
    return notified, Notification(alert=alert.id, reason=reason, severity=severity, channels=recipients, at=now)


def all_labels(alert: Alert) -> dict[str, str]:
    """Labels by which silences match an alert and dashboards group it."""
    key = alert.key
    labels = {"rule": key.rule, "account": key.account, "scope": key.scope, "severity": alert.severity}
    if key.subject:
        labels["asset" if key.scope == "asset" else "symbol"] = key.subject
    return {**labels, **alert.labels}


def _new_alert(rule: Rule, key: AlertKey, finding: Finding, summary: str, now: datetime, new_id: int) -> AlertChange:
    alert = Alert(
        id=new_id,
        key=key,
        state=AlertState.PENDING,
        severity=rule.severity,
        since=now,
        when=rule.when.text,
        clear=rule.clear.text if rule.clear is not None else f"not ({rule.when.text})",
        summary=summary,
        labels=rule.labels,
        value=_finite(finding.value),
        updated_at=now,
    )
    if rule.for_s > 0:
        return AlertChange(alert, AlertTransition(alert.id, None, AlertState.PENDING, now, alert.value))
    fired = replace(alert, state=AlertState.FIRING, fired_at=now)
    return AlertChange(fired, AlertTransition(alert.id, None, AlertState.FIRING, now, alert.value))


def _advance_holding(
    rule: Rule, alert: Alert, finding: Finding, summary: str, observed_s: Decimal, now: datetime
) -> AlertChange:
    updated = replace(alert, value=_finite(finding.value), summary=summary, clear_since=None)
    if updated.state is AlertState.FIRING:
        return AlertChange(updated)
    updated = replace(updated, pending_s=updated.pending_s + observed_s)
    if updated.pending_s < rule.for_s:
        return AlertChange(updated)
    return _transition_to(replace(updated, fired_at=now), AlertState.FIRING, now)


def _advance_not_holding(rule: Rule, alert: Alert, finding: Finding, summary: str, now: datetime) -> AlertChange:
    if alert.state is AlertState.PENDING:
        return _transition_to(alert, AlertState.INACTIVE, now)
    updated = replace(alert, value=_finite(finding.value), summary=summary)
    if finding.clears is not True:
        return AlertChange(replace(updated, clear_since=None))
    since = updated.clear_since or now
    if seconds_between(since, now) < rule.keep_firing_for_s:
        return AlertChange(replace(updated, clear_since=since))
    return _transition_to(replace(updated, clear_since=since, resolved_at=now), AlertState.RESOLVED, now)


def _transition_to(alert: Alert, state: AlertState, now: datetime, note: str = "") -> AlertChange:
    moved = replace(alert, state=state, updated_at=now)
    return AlertChange(moved, AlertTransition(alert.id, alert.state, state, now, alert.value, note))


def _observed_time(alert: Alert, now: datetime, unknown: bool) -> tuple[Decimal, timedelta]:
    """Seconds observed since the last evaluation, and the span that was not observed.

    The time counts as observed if both evaluations had data: without data at either end nothing is known of the time
    between them.
    """
    span = max(timedelta(0), now - alert.updated_at) if alert.updated_at is not None else timedelta(0)
    watched = timedelta(0) if unknown or alert.unknown_since is not None else min(span, MAX_EVALUATION_GAP)
    return to_seconds(watched), span - watched


def _escalation_steps_due(alert: Alert, rule: Rule, now: datetime) -> int:
    """Number of escalation steps due after the alert's time without an ack."""
    if alert.acked_at is not None or alert.told_since is None:
        return 0
    unanswered = seconds_between(alert.told_since, now)
    return sum(1 for step in rule.escalate if unanswered >= step.after_s)


def _is_reminder_due(alert: Alert, rule: Rule, now: datetime) -> bool:
    """Return whether a reminder is due: `repeat` has passed, or a silence or an inhibition has just ended."""
    return (
        alert.told_since is None
        or alert.notified_at is None
        or seconds_between(alert.notified_at, now) >= rule.repeat_s
    )


def _finite(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() else None
