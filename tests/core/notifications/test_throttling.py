"""Throttling of a channel: grouping, quiet hours, the hourly limit, and the messages that always pass."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.model.alert import Alert, AlertKey, AlertState, MetricScope, NotificationReason, Severity
from monitor.core.notifications.outbox import Delivery, LastNotified, NotifiedAlert
from monitor.core.notifications.quiet_hours import QuietHours, TimeOfDayRange
from monitor.core.notifications.throttling import (
    ChannelLimits,
    DueAlert,
    Hold,
    LadderIndex,
    compute_send_time,
    group_alerts,
    notice_rate_limit_hold,
    quiet_hours_hold,
    rate_limit_hold,
)
from tests.support.examples.accounts import NOW, after

LEVEL = LadderIndex({"thin": ("level", 1), "near": ("level", 2), "end": ("level", 3)})
NIGHT = ChannelLimits(QuietHours((TimeOfDayRange(19 * 60, 22 * 60),), UTC))
"""NOW is at 20:00."""


def due_delivery(
    number: int,
    reason: NotificationReason = NotificationReason.FIRED,
    severity: Severity = "warning",
    *,
    rule: str = "low",
    subject: str = "",
    account: str = "main",
    seconds: float = 0,
    attempts: int = 0,
) -> DueAlert:
    scope: MetricScope = "isolated" if subject else "cross"
    state = AlertState.RESOLVED if reason is NotificationReason.RESOLVED else AlertState.FIRING
    alert = Alert(number, AlertKey(rule, account, scope, subject), state, severity, NOW, "w", "c", "s")
    at = after(seconds)
    return DueAlert(Delivery(number, "phone", number, reason, severity, at, at, attempts=attempts), alert, reason)


def known_alert(one: DueAlert, severity: Severity | None = None) -> NotifiedAlert:
    """The alert as the channel was last sent it, once this was sent."""
    told = LastNotified(one.alert.id, "phone", one.alert.state, severity or one.alert.severity, NOW)
    return NotifiedAlert(told, one.alert.key)


def test_pairs_that_fire_together_are_grouped_with_the_worst_first() -> None:
    pairs = [due_delivery(n, subject=f"A{n}USDT") for n in range(1, 5)]
    worst = due_delivery(9, severity="critical", subject="BTCUSDT")
    assert group_alerts([*pairs, worst]) == [(worst, *pairs)]


def test_groups_are_separate_by_account_and_reason_with_critical_first() -> None:
    calm, other = due_delivery(1), due_delivery(2, account="other")
    over, bad = due_delivery(3, NotificationReason.RESOLVED), due_delivery(4, severity="critical", account="other")
    assert group_alerts([calm, other, over, bad]) == [(bad, other), (calm,), (over,)]


def test_critical_alert_never_waits_for_grouping_and_others_less_than_five_seconds() -> None:
    first, second = (
        replace(item, alert=replace(item.alert, fired_at=NOW)) for item in (due_delivery(1), due_delivery(2, seconds=2))
    )
    ripe = compute_send_time((first, second))
    assert NOW < ripe < after(5)
    # A delivery that replaced the first one does not postpone the message: else a short repeat would do so for ever.
    assert compute_send_time((replace(first, delivery=second.delivery),)) == ripe
    assert compute_send_time((first, due_delivery(3, severity="critical", seconds=1))) == NOW
    assert compute_send_time((due_delivery(4, attempts=1),)) == NOW


@pytest.mark.parametrize("severity", ["info", "warning"])
def test_quiet_hours_hold_back_non_critical_alerts(severity: Severity) -> None:
    assert quiet_hours_hold(severity, NIGHT, NOW) == Hold(datetime(2025, 10, 10, 22, tzinfo=UTC), "quiet hours")
    assert quiet_hours_hold("critical", NIGHT, NOW) is None
    assert quiet_hours_hold(severity, ChannelLimits(), NOW) is None
    assert quiet_hours_hold(severity, NIGHT, after(7200)) is None


def test_message_over_the_hourly_limit_waits_until_the_oldest_is_an_hour_old() -> None:
    sent = [after(-3000), after(-2000), after(-1000)]
    limit = ChannelLimits(max_per_hour=3)
    assert rate_limit_hold((due_delivery(1),), (), sent, LEVEL, limit, NOW) == Hold(
        after(600), "3 messages in the last hour"
    )
    assert rate_limit_hold((due_delivery(1),), (), sent, LEVEL, limit, after(600)) is None
    assert rate_limit_hold((due_delivery(1),), (), sent, LEVEL, ChannelLimits(), NOW) is None
    assert notice_rate_limit_hold("warning", sent, limit, NOW) == Hold(after(600), "3 messages in the last hour")
    assert notice_rate_limit_hold("critical", sent, limit, NOW) is None


def test_only_a_worse_rung_bypasses_the_hourly_limit() -> None:
    full, limit = [after(-n) for n in range(5)], ChannelLimits(max_per_hour=5)
    knows = [known_alert(due_delivery(2, rule="near"))]
    assert rate_limit_hold((due_delivery(3, rule="end"),), knows, full, LEVEL, limit, NOW) is None
    for known in ("near", "thin"):
        assert rate_limit_hold((due_delivery(4, rule=known),), knows, full, LEVEL, limit, NOW) is not None
    elsewhere = due_delivery(5, rule="thin", subject="BTCUSDT")
    assert rate_limit_hold((elsewhere,), knows, full, LEVEL, limit, NOW) is None
    assert rate_limit_hold((due_delivery(4, rule="thin"), elsewhere), knows, full, LEVEL, limit, NOW) is None


def test_newly_critical_alert_bypasses_the_hourly_limit() -> None:
    full, limit = [after(-n) for n in range(5)], ChannelLimits(max_per_hour=5)
    assert rate_limit_hold((due_delivery(1, severity="critical"),), (), full, LEVEL, limit, NOW) is None
    escalated = due_delivery(1, NotificationReason.ESCALATED, "critical")
    assert rate_limit_hold((escalated,), [known_alert(due_delivery(1))], full, LEVEL, limit, NOW) is None
    reminder = due_delivery(1, NotificationReason.REMINDED, "critical")
    assert rate_limit_hold((reminder,), [known_alert(due_delivery(1), "critical")], full, LEVEL, limit, NOW) is not None


@pytest.mark.parametrize("limit", [2, 3, 10])
@pytest.mark.parametrize(("rule", "severity"), [("thin", "info"), ("low", "warning"), ("low", "critical")])
def test_flapping_alert_stays_within_the_limit_and_its_final_state_is_sent(
    limit: int, rule: str, severity: Severity
) -> None:
    restraint, sent = ChannelLimits(max_per_hour=limit), list[datetime]()
    believes: NotifiedAlert | None = None
    waiting: list[DueAlert] = []
    for step in range(300):
        now = NOW + step * timedelta(minutes=1)
        if step < 200:
            reason = NotificationReason.FIRED if step % 2 == 0 else NotificationReason.RESOLVED
            new = due_delivery(1000 + step // 2, reason, severity, rule=rule)
            # Only the newest delivery of an alert is sent; none of an alert that ended before any was.
            was_told = believes is not None and believes.last_notified.alert == new.alert.id
            waiting = [item for item in waiting if item.alert.id != new.alert.id]
            if reason is NotificationReason.FIRED or was_told:
                waiting.append(new)
        recent = [at for at in sent if at > now - timedelta(hours=1)]
        for group in group_alerts(waiting):
            knows = [believes] if believes is not None else []
            if rate_limit_hold(group, knows, recent, LEVEL, restraint, now) is None:
                sent.append(now)
                recent.append(now)
                believes = known_alert(group[0])
                waiting = [item for item in waiting if item not in group]
        assert len([at for at in sent if at > now - timedelta(hours=1)]) <= limit
    assert len(sent) > limit
    assert believes is not None and believes.last_notified.state is AlertState.RESOLVED and waiting == []


def test_resolved_message_is_sent_after_the_hour_with_a_limit_of_one() -> None:
    over = due_delivery(1, NotificationReason.RESOLVED, "critical")
    knows = [known_alert(replace(over, alert=replace(over.alert, state=AlertState.FIRING)))]
    assert rate_limit_hold((over,), knows, [NOW], LEVEL, ChannelLimits(max_per_hour=1), after(60)) == Hold(
        after(3600), "1 messages in the last hour"
    )
    assert rate_limit_hold((over,), knows, [NOW], LEVEL, ChannelLimits(max_per_hour=1), after(3600)) is None
