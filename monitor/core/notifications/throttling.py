"""What a channel is spared: messages that belong together are one, quiet hours, and a limit for what flaps.

Nothing here holds back the first word that something critical fires, or that it has become worse.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.core.model.alert import SEVERITIES, Alert, AlertKey, AlertState, Reason, Severity
from monitor.core.notifications.outbox import Delivery, Heard, Told
from monitor.core.notifications.quiet_hours import QuietHours
from monitor.core.rules.rule import Rule

GATHERED = timedelta(seconds=3)
"""How long what is not critical waits for others that belong to the same message; sending takes time, too."""

HOUR = timedelta(hours=1)

Place = tuple[str, str, str, str]
"""Where an alert stands: its ladder, or its rule where it has none, and its account, scope and subject."""


@dataclass(frozen=True, slots=True)
class Restraint:
    """What one channel is spared. `max_per_hour` 0: no limit."""

    quiet: QuietHours | None = None
    max_per_hour: int = 0


@dataclass(frozen=True, slots=True)
class Rungs:
    """The ladders, and which rung of its ladder each rule is."""

    by_rule: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "Rungs":
        return cls({rule.name: (rule.ladder, rule.rung) for rule in rules if rule.ladder is not None})

    def place(self, key: AlertKey) -> tuple[Place, int]:
        """Where the alert stands and on which rung; 0 without ladder."""
        ladder, rung = self.by_rule.get(key.rule, (key.rule, 0))
        return (ladder, key.account, key.scope, key.subject), rung


@dataclass(frozen=True, slots=True)
class Due:
    """One alert that a channel is to be told of now, for this reason."""

    delivery: Delivery
    alert: Alert
    reason: Reason


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `why` is for the log."""

    until: datetime
    why: str


def gathered(due: Iterable[Due]) -> list[tuple[Due, ...]]:
    """What leaves together: one account's news of one kind, the worst first. What is critical goes before the rest."""
    groups: dict[tuple[str, Reason], list[Due]] = defaultdict(list)
    for each in due:
        groups[each.alert.key.account, each.reason].append(each)
    ordered = [tuple(sorted(group, key=lambda each: (-_weight(each), each.alert.id))) for group in groups.values()]
    return sorted(ordered, key=lambda group: (-_weight(group[0]), min(each.delivery.id for each in group)))


def ripe_at(group: Sequence[Due]) -> datetime:
    """When the group is to leave: at once with anything critical in it or tried before, else a moment after its first.

    Whatever else of its kind comes until then leaves with it. Counted from what happened: a delivery is replaced by the
    next one of its alert, and what is counted from those could wait for ever.
    """
    created = min(each.delivery.created_at for each in group)
    urgent = any(each.delivery.severity == "critical" or each.delivery.attempts for each in group)
    happened = [at for each in group if (at := _happened_at(each)) is not None]
    return created if urgent or not happened else max(created, min(happened) + GATHERED)


def _happened_at(due: Due) -> datetime | None:
    """When the alert fired or ended; None for a reminder, which comes with the others of its kind anyway."""
    match due.reason:
        case Reason.FIRED:
            return due.alert.fired_at
        case Reason.RESOLVED:
            return due.alert.resolved_at
        case _:
            return None


def told_of(due: Due, channel: str, now: datetime) -> Told:
    """What the channel will have heard once this was told."""
    state = AlertState.RESOLVED if due.reason is Reason.RESOLVED else AlertState.FIRING
    return Told(due.alert.id, channel, state, due.alert.severity, now)


def quiet_until(severity: Severity, restraint: Restraint, now: datetime) -> Wait | None:
    """Whether quiet hours hold it back. Critical passes."""
    if severity == "critical" or restraint.quiet is None:
        return None
    end = restraint.quiet.until(now)
    return None if end is None else Wait(end, "quiet hours")


def over_limit(
    group: Sequence[Due],
    heard: Iterable[Heard],
    sent: Sequence[datetime],
    rungs: Rungs,
    restraint: Restraint,
    now: datetime,
) -> Wait | None:
    """Whether the channel has had its messages for now. `sent` are those of the last hour, `heard` what it believes.

    What is worse than the channel believes always passes. So that this does not lift the limit of what flaps, the end
    of such an alert is told only when one message more is left: for its return.
    """
    believed = _believed(heard, rungs)
    if any(_is_worse(each, believed, rungs) for each in group):
        return None
    returns = any(each.reason is Reason.RESOLVED and _always_passes(each, rungs) for each in group)
    return _room(sent, restraint.max_per_hour, 1 if returns else 0, now)


def notice_over_limit(severity: Severity, sent: Sequence[datetime], restraint: Restraint, now: datetime) -> Wait | None:
    """The same for what belongs to no alert: critical passes."""
    return None if severity == "critical" else _room(sent, restraint.max_per_hour, 0, now)


def _room(sent: Sequence[datetime], limit: int, kept: int, now: datetime) -> Wait | None:
    """When there is room for one more message and `kept` beyond it, if not now; the last one is never kept."""
    usable = max(1, limit - kept)
    recent = sorted(at for at in sent if at > now - HOUR)
    if not limit or len(recent) < usable:
        return None
    return Wait(recent[len(recent) - usable] + HOUR, f"{len(recent)} messages in the last hour")


def _believed(heard: Iterable[Heard], rungs: Rungs) -> Mapping[Place, tuple[int, int]]:
    """The worst that the channel believes to fire at each place: rung and severity."""
    believed: dict[Place, tuple[int, int]] = {}
    for each in heard:
        if each.told.state is AlertState.FIRING:
            place, rung = rungs.place(each.key)
            weight = (rung, SEVERITIES.index(each.told.severity))
            before = believed.get(place, weight)
            believed[place] = (max(rung, before[0]), max(weight[1], before[1]))
    return believed


def _is_worse(due: Due, believed: Mapping[Place, tuple[int, int]], rungs: Rungs) -> bool:
    if due.reason is Reason.RESOLVED or not _always_passes(due, rungs):
        return False
    place, rung = rungs.place(due.alert.key)
    known = believed.get(place)
    return known is None or rung > known[0] or _weight(due) > known[1]


def _always_passes(due: Due, rungs: Rungs) -> bool:
    """Whether its beginning passes the limit: a rung of a ladder, or something critical."""
    return due.alert.key.rule in rungs.by_rule or due.delivery.severity == "critical"


def _weight(due: Due) -> int:
    return SEVERITIES.index(due.delivery.severity)
