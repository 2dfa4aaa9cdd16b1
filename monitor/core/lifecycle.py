"""How an alert lives: inactive → pending → firing → resolved, and when somebody is to be told of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.account import ZERO
from monitor.core.alerts import SEVERITIES, Alert, AlertKey, AlertState, Notification, Reason, Transition
from monitor.core.events import Ack, Matcher, Silence
from monitor.core.metrics import Missing
from monitor.core.rules import Finding, Rule


@dataclass(frozen=True, slots=True)
class Change:
    """An alert after one look at its condition, with the transition that the look caused."""

    alert: Alert | None
    transition: Transition | None = None


def advance(
    rule: Rule,
    key: AlertKey,
    alert: Alert | None,
    finding: Finding,
    summary: str,
    now: datetime,
    new_id: Callable[[], int],
) -> Change:
    """The alert after `finding`. Without data nothing changes but `unknown_since`: no firing, no clearing, no time.

    `alert` is None, pending or firing. A returned alert of state inactive or resolved has ended.
    """
    if Missing.NOT_APPLICABLE in (finding.holds, finding.clears):
        return gone(alert, now) if alert is not None else Change(None)
    if finding.holds is Missing.UNAVAILABLE:
        if alert is None:
            return Change(None)
        return Change(replace(alert, unknown_since=alert.unknown_since or now, updated_at=now))
    if alert is None:
        if finding.holds is not True:
            return Change(None)
        return _born(rule, key, finding, summary, now, new_id())
    elapsed = _fresh_seconds(alert, now)
    seen = replace(alert, unknown_since=None, updated_at=now)
    if finding.holds is True:
        return _holding(rule, seen, finding, summary, elapsed, now)
    return _not_holding(rule, seen, finding, summary, now)


def gone(alert: Alert, now: datetime) -> Change:
    """The end of an alert whose subject or rule does not exist any more."""
    if alert.state is AlertState.PENDING:
        return _to(replace(alert, gone=True), AlertState.INACTIVE, now, "gone")
    return _to(replace(alert, gone=True, resolved_at=now), AlertState.RESOLVED, now, "gone")


def acknowledged(alert: Alert, acks: Mapping[int, Ack]) -> Alert:
    """The alert with what a person said of it; an ack ends with the episode."""
    ack = acks.get(alert.id)
    if ack is None or alert.acked_at == ack.at:
        return alert
    return replace(alert, acked_by=ack.by, acked_at=ack.at, ack_comment=ack.comment)


def silencing(alert: Alert, silences: tuple[Silence, ...], now: datetime) -> int | None:
    """The id of a silence that holds for the alert now; critical alerts only by one that includes them."""
    labels = all_labels(alert)
    for silence in silences:
        spared = alert.severity == "critical" and not silence.include_critical
        if (
            not spared
            and silence.starts_at <= now < silence.ends_at
            and all(_fits(m, labels) for m in silence.matchers)
        ):
            return silence.id
    return None


def inhibiting(alert: Alert, rule: Rule, firing: Mapping[AlertKey, tuple[Alert, Rule]]) -> int | None:
    """The id of a firing worse rung of the same ladder and subject."""
    if rule.ladder is None:
        return None
    worse = [
        other.id
        for key, (other, other_rule) in firing.items()
        if other_rule.ladder == rule.ladder
        and other_rule.rung > rule.rung
        and (key.account, key.scope, key.subject) == (alert.key.account, alert.key.scope, alert.key.subject)
    ]
    return max(worse, default=None)


def telling(alert: Alert, rule: Rule, channels: tuple[str, ...], now: datetime) -> tuple[Alert, Notification | None]:
    """What is to be said of a firing alert now, if anything, and the alert with that remembered.

    A silenced or inhibited alert says nothing; when that ends while it still fires, it is told then. An ack
    stops reminders and escalation.
    """
    if alert.state is not AlertState.FIRING or alert.silenced_by is not None or alert.inhibited_by is not None:
        return alert, None
    unanswered_s = (now - (alert.fired_at or now)).total_seconds() if alert.acked_at is None else -1.0
    due = sum(1 for step in rule.escalate if unanswered_s >= step.after_s)
    steps = rule.escalate[: max(due, alert.escalated)]
    if alert.notified_at is None:
        reason = Reason.FIRED
    elif due > alert.escalated:
        reason = Reason.ESCALATED
    elif alert.acked_at is None and (now - alert.notified_at).total_seconds() >= rule.repeat_s:
        reason = Reason.REMINDED
    else:
        return alert, None
    severity = max((rule.severity, *(s.severity for s in steps if s.severity)), key=SEVERITIES.index)
    usual = rule.channels if rule.channels is not None else channels
    to = tuple(dict.fromkeys((*usual, *(name for step in steps for name in step.channels))))
    told = replace(alert, severity=severity, escalated=len(steps), notified_at=now)
    return told, Notification(alert=alert.id, reason=reason, severity=severity, channels=to, at=now)


def all_labels(alert: Alert) -> dict[str, str]:
    """What silences match and dashboards group by."""
    key = alert.key
    labels = {"rule": key.rule, "account": key.account, "scope": key.scope, "severity": alert.severity}
    if key.subject:
        labels["asset" if key.scope == "asset" else "symbol"] = key.subject
    return {**labels, **alert.labels}


def _born(rule: Rule, key: AlertKey, finding: Finding, summary: str, now: datetime, new_id: int) -> Change:
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
        return Change(alert, Transition(alert.id, None, AlertState.PENDING, now, alert.value))
    fired = replace(alert, state=AlertState.FIRING, fired_at=now)
    return Change(fired, Transition(alert.id, None, AlertState.FIRING, now, alert.value))


def _holding(rule: Rule, alert: Alert, finding: Finding, summary: str, elapsed: Decimal, now: datetime) -> Change:
    seen = replace(alert, value=_finite(finding.value), summary=summary, clear_since=None)
    if seen.state is AlertState.FIRING:
        return Change(seen)
    seen = replace(seen, pending_s=seen.pending_s + elapsed)
    if seen.pending_s < rule.for_s:
        return Change(seen)
    return _to(replace(seen, fired_at=now), AlertState.FIRING, now)


def _not_holding(rule: Rule, alert: Alert, finding: Finding, summary: str, now: datetime) -> Change:
    if alert.state is AlertState.PENDING:
        return _to(alert, AlertState.INACTIVE, now)
    seen = replace(alert, value=_finite(finding.value), summary=summary)
    if finding.clears is not True:
        return Change(replace(seen, clear_since=None))
    since = seen.clear_since or now
    if (now - since).total_seconds() < rule.keep_firing_for_s:
        return Change(replace(seen, clear_since=since))
    return _to(replace(seen, clear_since=since, resolved_at=now), AlertState.RESOLVED, now)


def _to(alert: Alert, state: AlertState, now: datetime, note: str = "") -> Change:
    moved = replace(alert, state=state, updated_at=now)
    return Change(moved, Transition(alert.id, alert.state, state, now, alert.value, note))


def _fresh_seconds(alert: Alert, now: datetime) -> Decimal:
    """Time since the last look, if that look had data: time without data never counts towards `for`."""
    if alert.unknown_since is not None or alert.updated_at is None:
        return ZERO
    return max(ZERO, Decimal((now - alert.updated_at) // _MICROSECOND) / 1_000_000)


_MICROSECOND = timedelta(microseconds=1)


def _fits(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.op:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return re.fullmatch(matcher.value, value) is not None
        case "!~":
            return re.fullmatch(matcher.value, value) is None


def _finite(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() else None
