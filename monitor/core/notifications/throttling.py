"""Throttling of a channel: grouping into one message, quiet hours, and an hourly limit for flapping alerts.

Throttling never holds back the first message of a critical alert, nor the message that an alert became worse.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason, Severity, severity_rank
from monitor.core.notifications.outbox import Delivery, LastNotified, NotifiedAlert
from monitor.core.notifications.quiet_hours import QuietHours
from monitor.core.rules.rule import Rule

GROUP_WAIT = timedelta(seconds=3)
"""Time that a delivery that is not critical waits for others of the same message. Sending takes time as well."""

HOUR = timedelta(hours=1)

AlertSlot = tuple[str, str, str, str]
"""Place of an alert: its ladder (or its rule, without a ladder), account, scope and subject."""


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """Throttling of one channel. `max_per_hour` 0: no limit."""

    quiet_hours: QuietHours | None = None
    max_per_hour: int = 0


@dataclass(frozen=True, slots=True)
class LadderIndex:
    """Ladder and rung of each rule that belongs to a ladder."""

    by_rule: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def from_rules(cls, rules: Iterable[Rule]) -> "LadderIndex":
        return cls({rule.name: (rule.ladder, rule.rung) for rule in rules if rule.ladder is not None})

    def slot_of(self, key: AlertKey) -> tuple[AlertSlot, int]:
        """Slot of an alert and its rung; the rung is 0 without a ladder."""
        ladder, rung = self.by_rule.get(key.rule, (key.rule, 0))
        return (ladder, key.account, key.scope, key.subject), rung


@dataclass(frozen=True, slots=True)
class DueAlert:
    """One alert of which a channel is to be notified now, with the reason."""

    delivery: Delivery
    alert: Alert
    reason: NotificationReason


@dataclass(frozen=True, slots=True)
class Hold:
    """Decision that a delivery waits until `until`. `why` is for the log."""

    until: datetime
    why: str


def group_alerts(due: Iterable[DueAlert]) -> list[tuple[DueAlert, ...]]:
    """Group due alerts into messages: one account and reason each, the worst alert first, critical messages first."""
    groups: dict[tuple[str, NotificationReason], list[DueAlert]] = defaultdict(list)
    for item in due:
        groups[item.alert.key.account, item.reason].append(item)
    ordered = [
        tuple(sorted(group, key=lambda item: (-severity_rank(item.delivery.severity), item.alert.id)))
        for group in groups.values()
    ]
    return sorted(
        ordered, key=lambda group: (-severity_rank(group[0].delivery.severity), min(item.delivery.id for item in group))
    )


def compute_send_time(group: Sequence[DueAlert]) -> datetime:
    """Time at which a group is sent: at once if a delivery is critical or was attempted, else `GROUP_WAIT` later.

    The wait lets later alerts of the same kind join the message. It counts from the first change of an alert, not from
    the first delivery: each delivery is replaced by the next one of its alert, so that the group could wait for ever.
    """
    created = min(item.delivery.created_at for item in group)
    urgent = any(item.delivery.severity == "critical" or item.delivery.attempts for item in group)
    changed_at = [at for item in group if (at := _changed_at(item)) is not None]
    return created if urgent or not changed_at else max(created, min(changed_at) + GROUP_WAIT)


def _changed_at(due: DueAlert) -> datetime | None:
    """Time at which the alert fired or ended; None for reminders and escalations, which come together anyway."""
    match due.reason:
        case NotificationReason.FIRED:
            return due.alert.fired_at
        case NotificationReason.RESOLVED:
            return due.alert.resolved_at
        case _:
            return None


def build_last_notified(due: DueAlert, channel: str, now: datetime) -> LastNotified:
    """Record of the alert as last sent to the channel, once `due` is sent."""
    state = AlertState.RESOLVED if due.reason is NotificationReason.RESOLVED else AlertState.FIRING
    return LastNotified(due.alert.id, channel, state, due.alert.severity, now)


def quiet_hours_hold(severity: Severity, limits: ChannelLimits, now: datetime) -> Hold | None:
    """Hold a delivery until the end of quiet hours; None if it can be sent. Critical deliveries always can."""
    if severity == "critical" or limits.quiet_hours is None:
        return None
    end = limits.quiet_hours.quiet_until(now)
    return None if end is None else Hold(end, "quiet hours")


def rate_limit_hold(
    group: Sequence[DueAlert],
    notified: Iterable[NotifiedAlert],
    sent: Sequence[datetime],
    ladders: LadderIndex,
    limits: ChannelLimits,
    now: datetime,
) -> Hold | None:
    """Hold a group while the channel's hourly limit is used up; None if it can be sent.

    `sent` are the times of messages, of which those of the last hour count; `notified` are the alerts as the channel
    was last sent them. An alert worse than the channel was last sent always passes. So that this does not lift the
    limit for a flapping alert, the end of such an alert is sent only while one more message is left for its return.
    """
    believed = _believed_firing(notified, ladders)
    if any(_is_worse(item, believed, ladders) for item in group):
        return None
    returns = any(item.reason is NotificationReason.RESOLVED and _is_exempt(item, ladders) for item in group)
    return _budget_hold(sent, limits.max_per_hour, 1 if returns else 0, now)


def notice_rate_limit_hold(
    severity: Severity, sent: Sequence[datetime], limits: ChannelLimits, now: datetime
) -> Hold | None:
    """Hold a notice or a drill while the channel's hourly limit is used up; critical ones pass."""
    return None if severity == "critical" else _budget_hold(sent, limits.max_per_hour, 0, now)


def _budget_hold(sent: Sequence[datetime], limit: int, reserved: int, now: datetime) -> Hold | None:
    """Hold until the limit leaves room for one message beside `reserved` ones; None if it does now.

    The last message of the limit is never reserved.
    """
    usable = max(1, limit - reserved)
    recent = sorted(at for at in sent if at > now - HOUR)
    if not limit or len(recent) < usable:
        return None
    return Hold(recent[len(recent) - usable] + HOUR, f"{len(recent)} messages in the last hour")


def _believed_firing(notified: Iterable[NotifiedAlert], ladders: LadderIndex) -> Mapping[AlertSlot, tuple[int, int]]:
    """Worst rung and severity that the channel was last sent as firing, by slot."""
    believed: dict[AlertSlot, tuple[int, int]] = {}
    for alert in notified:
        if alert.last_notified.state is AlertState.FIRING:
            slot, rung = ladders.slot_of(alert.key)
            weight = (rung, severity_rank(alert.last_notified.severity))
            before = believed.get(slot, weight)
            believed[slot] = (max(rung, before[0]), max(weight[1], before[1]))
    return believed


def _is_worse(due: DueAlert, believed: Mapping[AlertSlot, tuple[int, int]], ladders: LadderIndex) -> bool:
    if due.reason is NotificationReason.RESOLVED or not _is_exempt(due, ladders):
        return False
    slot, rung = ladders.slot_of(due.alert.key)
    known = believed.get(slot)
    return known is None or rung > known[0] or severity_rank(due.delivery.severity) > known[1]


def _is_exempt(due: DueAlert, ladders: LadderIndex) -> bool:
    """Return whether the beginning of the alert passes the limit: it is a rung of a ladder, or critical."""
    return due.alert.key.rule in ladders.by_rule or due.delivery.severity == "critical"
