"""What a channel is spared: messages that belong together are one, quiet hours, and a limit for what flaps.

Nothing here holds back the first word that something critical fires, or that it has become worse.
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
"""How long what is not critical waits for others that belong to the same message; sending takes time, too."""

HOUR = timedelta(hours=1)

AlertSlot = tuple[str, str, str, str]
"""Where an alert stands: its ladder, or its rule where it has none, and its account, scope and subject."""


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """What one channel is spared. `max_per_hour` 0: no limit."""

    quiet_hours: QuietHours | None = None
    max_per_hour: int = 0


@dataclass(frozen=True, slots=True)
class LadderIndex:
    """The ladders, and which rung of its ladder each rule is."""

    by_rule: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def from_rules(cls, rules: Iterable[Rule]) -> "LadderIndex":
        return cls({rule.name: (rule.ladder, rule.rung) for rule in rules if rule.ladder is not None})

    def slot_of(self, key: AlertKey) -> tuple[AlertSlot, int]:
        """Where the alert stands and on which rung; 0 without ladder."""
        ladder, rung = self.by_rule.get(key.rule, (key.rule, 0))
        return (ladder, key.account, key.scope, key.subject), rung


@dataclass(frozen=True, slots=True)
class DueAlert:
    """One alert that a channel is to be told of now, for this reason."""

    delivery: Delivery
    alert: Alert
    reason: NotificationReason


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now. `why` is for the log."""

    until: datetime
    why: str


def group_alerts(due: Iterable[DueAlert]) -> list[tuple[DueAlert, ...]]:
    """What leaves together: one account's news of one kind, the worst first. What is critical goes before the rest."""
    groups: dict[tuple[str, NotificationReason], list[DueAlert]] = defaultdict(list)
    for each in due:
        groups[each.alert.key.account, each.reason].append(each)
    ordered = [
        tuple(sorted(group, key=lambda each: (-severity_rank(each.delivery.severity), each.alert.id)))
        for group in groups.values()
    ]
    return sorted(
        ordered, key=lambda group: (-severity_rank(group[0].delivery.severity), min(each.delivery.id for each in group))
    )


def send_at(group: Sequence[DueAlert]) -> datetime:
    """When the group is to leave: at once with anything critical in it or tried before, else a moment after its first.

    Whatever else of its kind comes until then leaves with it. Counted from what happened: a delivery is replaced by the
    next one of its alert, and what is counted from those could wait for ever.
    """
    created = min(each.delivery.created_at for each in group)
    urgent = any(each.delivery.severity == "critical" or each.delivery.attempts for each in group)
    changed_at = [at for each in group if (at := _changed_at(each)) is not None]
    return created if urgent or not changed_at else max(created, min(changed_at) + GROUP_WAIT)


def _changed_at(due: DueAlert) -> datetime | None:
    """When the alert fired or ended; None for a reminder, which comes with the others of its kind anyway."""
    match due.reason:
        case NotificationReason.FIRED:
            return due.alert.fired_at
        case NotificationReason.RESOLVED:
            return due.alert.resolved_at
        case _:
            return None


def as_notified(due: DueAlert, channel: str, now: datetime) -> LastNotified:
    """What the channel will have heard once this was told."""
    state = AlertState.RESOLVED if due.reason is NotificationReason.RESOLVED else AlertState.FIRING
    return LastNotified(due.alert.id, channel, state, due.alert.severity, now)


def quiet_hours_hold(severity: Severity, limits: ChannelLimits, now: datetime) -> Hold | None:
    """Whether quiet hours hold it back. Critical passes."""
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
    """Whether the channel has had its messages for now. `sent` are those of the last hour, `heard` what it believes.

    What is worse than the channel believes always passes. So that this does not lift the limit of what flaps, the end
    of such an alert is told only when one message more is left: for its return.
    """
    believed = _believed_firing(notified, ladders)
    if any(_is_worse(each, believed, ladders) for each in group):
        return None
    returns = any(each.reason is NotificationReason.RESOLVED and _is_exempt(each, ladders) for each in group)
    return _budget_hold(sent, limits.max_per_hour, 1 if returns else 0, now)


def notice_rate_limit_hold(
    severity: Severity, sent: Sequence[datetime], limits: ChannelLimits, now: datetime
) -> Hold | None:
    """The same for what belongs to no alert: critical passes."""
    return None if severity == "critical" else _budget_hold(sent, limits.max_per_hour, 0, now)


def _budget_hold(sent: Sequence[datetime], limit: int, reserved: int, now: datetime) -> Hold | None:
    """When there is room for one more message and `kept` beyond it, if not now; the last one is never kept."""
    usable = max(1, limit - reserved)
    recent = sorted(at for at in sent if at > now - HOUR)
    if not limit or len(recent) < usable:
        return None
    return Hold(recent[len(recent) - usable] + HOUR, f"{len(recent)} messages in the last hour")


def _believed_firing(notified: Iterable[NotifiedAlert], ladders: LadderIndex) -> Mapping[AlertSlot, tuple[int, int]]:
    """The worst that the channel believes to fire at each place: rung and severity."""
    believed: dict[AlertSlot, tuple[int, int]] = {}
    for each in notified:
        if each.last_notified.state is AlertState.FIRING:
            slot, rung = ladders.slot_of(each.key)
            weight = (rung, severity_rank(each.last_notified.severity))
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
    """Whether its beginning passes the limit: a rung of a ladder, or something critical."""
    return due.alert.key.rule in ladders.by_rule or due.delivery.severity == "critical"
