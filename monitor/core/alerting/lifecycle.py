"""How an alert lives: inactive → pending → firing → resolved, and when somebody is to be told of it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.alert import (
    SEVERITIES,
    Alert,
    AlertKey,
    AlertState,
    MetricScope,
    Notification,
    Reason,
    Transition,
)
from monitor.core.model.events import Ack, Matcher, Silence
from monitor.core.model.metric import Missing
from monitor.core.rules.rule import Finding, Rule

LONGEST_LOOK = timedelta(minutes=3)
"""What one look may add to a time span: a process that stood still for longer has seen nothing of the rest."""

Rungs = Mapping[tuple[str, str, MetricScope, str], tuple[int, int]]
"""The worst firing rung, and its alert's number, by ladder and subject (account, scope, name)."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert after one look at its condition, with the transition that the look caused."""

    alert: Alert | None
    transition: Transition | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """All channels of the configuration, and which one is told when another fails."""

    channels: tuple[str, ...] = ()
    fallbacks: Mapping[str, str] = field(default_factory=dict)

    def of(self, rule: Rule, steps: int) -> tuple[str, ...]:
        """The channels that a rule tells once `steps` of its escalation are taken."""
        taken = rule.escalate[:steps]
        named = self.channels if rule.channels is None else rule.channels
        to = [*named, *(name for step in taken for name in step.channels)]
        if any(step.fallbacks for step in taken):
            to += [self.fallbacks[name] for name in to if name in self.fallbacks]
        return tuple(dict.fromkeys(to))

    def who_may_have_heard(self, rule: Rule | None, steps: int) -> tuple[str, ...]:
        """The channels to which the end of an alert may be news: those told, and those that stood in for them."""
        if rule is None:
            return self.channels
        told = self.of(rule, steps)
        return tuple(dict.fromkeys((*told, *(self.fallbacks[name] for name in told if name in self.fallbacks))))


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
    if alert is None:
        return _born(rule, key, finding, summary, now, new_id()) if finding.holds is True else Change(None)
    firing = alert.state is AlertState.FIRING
    unknown = finding.holds is Missing.UNAVAILABLE or (firing and finding.clears is Missing.UNAVAILABLE)
    fresh, unseen = _time_since(alert, now, unknown)
    seen = replace(
        alert,
        unknown_since=(alert.unknown_since or now) if unknown else None,
        # The time in which nobody could see that it stays clear is put behind the beginning.
        clear_since=alert.clear_since + unseen if alert.clear_since is not None else None,
        updated_at=now,
    )
    if unknown:
        return Change(seen)
    if finding.holds is True:
        return _holding(rule, seen, finding, summary, fresh, now)
    return _not_holding(rule, seen, finding, summary, now)


def gone(alert: Alert, now: datetime) -> Change:
    """The end of an alert whose subject or rule does not exist any more."""
    if alert.state is AlertState.PENDING:
        return _to(replace(alert, gone=True), AlertState.INACTIVE, now, "gone")
    return _to(replace(alert, gone=True, resolved_at=now), AlertState.RESOLVED, now, "gone")


def acknowledged(alert: Alert, acks: Mapping[int, Ack]) -> Alert:
    """The alert with what a person said of it; an ack ends with the episode, or when it grows worse."""
    ack = acks.get(alert.id)
    if ack is None or alert.acked_at == ack.at or (alert.ack_ended_at is not None and ack.at <= alert.ack_ended_at):
        return alert
    return replace(alert, acked_by=ack.by, acked_at=ack.at, ack_comment=ack.comment)


def worsened(alert: Alert, worse: Alert | None, now: datetime) -> Alert:
    """The alert without its ack, if a worse rung began to fire after it: who took the milder has not seen that one."""
    if worse is None or worse.fired_at is None or alert.acked_at is None or worse.fired_at <= alert.acked_at:
        return alert
    return replace(alert, acked_by=None, acked_at=None, ack_comment=None, ack_ended_at=now)


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


def worst_rungs(firing: Iterable[tuple[Alert, Rule]]) -> Rungs:
    """The worst rung that fires in each ladder of each subject."""
    worst: dict[tuple[str, str, MetricScope, str], tuple[int, int]] = {}
    for alert, rule in firing:
        if rule.ladder is not None:
            place = (rule.ladder, alert.key.account, alert.key.scope, alert.key.subject)
            worst[place] = max(worst.get(place, (0, 0)), (rule.rung, alert.id))
    return worst


def inhibiting(alert: Alert, rule: Rule, worst: Rungs) -> int | None:
    """The number of the alert on the worst firing rung of the same ladder and subject, if that is worse."""
    if rule.ladder is None:
        return None
    rung, number = worst.get((rule.ladder, alert.key.account, alert.key.scope, alert.key.subject), (0, 0))
    return number if rung > rule.rung else None


def telling(alert: Alert, rule: Rule, audience: Audience, now: datetime) -> tuple[Alert, Notification | None]:
    """What is to be said of a firing alert now, if anything, and the alert with that remembered.

    A silenced or inhibited alert says nothing; what still fires when that ends is told then, and its escalation begins
    anew. An ack stops reminders and escalation, and so does missing data: blindness has rules of its own.
    """
    if alert.state is not AlertState.FIRING:
        return alert, None
    if alert.silenced_by is not None or alert.inhibited_by is not None:
        return replace(alert, told_since=None), None
    if alert.unknown_since is not None:
        return alert, None
    heard = replace(alert, told_since=alert.told_since or now)
    taken = max(alert.escalated, _steps_due(heard, rule, now))
    if alert.notified_at is None:
        reason = Reason.FIRED
    elif taken > alert.escalated:
        reason = Reason.ESCALATED
    elif alert.acked_at is None and _is_due_again(alert, rule, now):
        reason = Reason.REMINDED
    else:
        return heard, None
    raised = [step.severity for step in rule.escalate[:taken] if step.severity is not None]
    severity = max((alert.severity, rule.severity, *raised), key=SEVERITIES.index)
    told = replace(heard, severity=severity, escalated=taken, notified_at=now)
    to = audience.of(rule, taken)
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


def _holding(rule: Rule, alert: Alert, finding: Finding, summary: str, fresh: Decimal, now: datetime) -> Change:
    seen = replace(alert, value=_finite(finding.value), summary=summary, clear_since=None)
    if seen.state is AlertState.FIRING:
        return Change(seen)
    seen = replace(seen, pending_s=seen.pending_s + fresh)
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
    if _seconds(now - since) < rule.keep_firing_for_s:
        return Change(replace(seen, clear_since=since))
    return _to(replace(seen, clear_since=since, resolved_at=now), AlertState.RESOLVED, now)


def _to(alert: Alert, state: AlertState, now: datetime, note: str = "") -> Change:
    moved = replace(alert, state=state, updated_at=now)
    return Change(moved, Transition(alert.id, alert.state, state, now, alert.value, note))


def _time_since(alert: Alert, now: datetime, unknown: bool) -> tuple[Decimal, timedelta]:
    """Of the time since the last look: the seconds that were watched, and the span that nobody could watch.

    It was watched if both looks had data; without data at either end nothing is known of what lies between.
    """
    span = max(timedelta(0), now - alert.updated_at) if alert.updated_at is not None else timedelta(0)
    watched = timedelta(0) if unknown or alert.unknown_since is not None else min(span, LONGEST_LOOK)
    return _seconds(watched), span - watched


def _steps_due(alert: Alert, rule: Rule, now: datetime) -> int:
    """How many steps of the escalation its time without an ack calls for."""
    if alert.acked_at is not None or alert.told_since is None:
        return 0
    unanswered = _seconds(now - alert.told_since)
    return sum(1 for step in rule.escalate if unanswered >= step.after_s)


def _is_due_again(alert: Alert, rule: Rule, now: datetime) -> bool:
    """Whether a told alert is to be told again: its repeat is over, or what kept it quiet has just ended."""
    return alert.told_since is None or alert.notified_at is None or _seconds(now - alert.notified_at) >= rule.repeat_s


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // _MICROSECOND) / 1_000_000


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
