"""Outbox decisions: deliveries to send or skip, given the state that the channel was last sent."""

from dataclasses import replace

import pytest

from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason, Severity
from monitor.core.notifications.outbox import Delivery, LastNotified, Send, Skip, decide_delivery, retry_delay_s
from tests.support.examples.accounts import NOW

FIRING_ALERT = Alert(7, AlertKey("low", "main", "cross"), AlertState.FIRING, "warning", NOW, "w", "c", "s")
RESOLVED_ALERT = replace(FIRING_ALERT, state=AlertState.RESOLVED)


def delivery(reason: NotificationReason) -> Delivery:
    return Delivery(1, "phone", 7, reason, "warning", NOW, NOW)


def last_notified(state: AlertState = AlertState.FIRING, severity: Severity = "warning") -> LastNotified:
    return LastNotified(7, "phone", state, severity, NOW)


def test_channel_without_earlier_message_gets_the_firing_alert() -> None:
    assert decide_delivery(delivery(NotificationReason.FIRED), FIRING_ALERT, None, False) == Send(
        NotificationReason.FIRED
    )
    assert decide_delivery(delivery(NotificationReason.REMINDED), FIRING_ALERT, None, False) == Send(
        NotificationReason.FIRED
    )


def test_channel_added_by_escalation_gets_an_escalation_message() -> None:
    assert decide_delivery(delivery(NotificationReason.ESCALATED), FIRING_ALERT, None, False) == Send(
        NotificationReason.ESCALATED
    )


def test_only_the_newest_delivery_is_sent_after_an_outage() -> None:
    assert isinstance(decide_delivery(delivery(NotificationReason.FIRED), FIRING_ALERT, None, True), Skip)
    assert decide_delivery(delivery(NotificationReason.REMINDED), FIRING_ALERT, None, False) == Send(
        NotificationReason.FIRED
    )


@pytest.mark.parametrize("reason", list(NotificationReason))
def test_resolved_alert_is_sent_as_resolved_to_channels_that_got_it(reason: NotificationReason) -> None:
    assert decide_delivery(delivery(reason), RESOLVED_ALERT, last_notified(), False) == Send(
        NotificationReason.RESOLVED
    )


@pytest.mark.parametrize("told", [None, last_notified(AlertState.RESOLVED)])
def test_resolved_alert_is_not_sent_to_channels_that_never_got_it(told: LastNotified | None) -> None:
    for reason in NotificationReason:
        assert isinstance(decide_delivery(delivery(reason), RESOLVED_ALERT, told, False), Skip)


def test_critical_alert_that_resolved_while_the_channel_failed_is_still_sent() -> None:
    over = replace(RESOLVED_ALERT, severity="critical")
    failed_before = replace(delivery(NotificationReason.FIRED), severity="critical", attempts=2)
    assert decide_delivery(failed_before, over, None, False) == Send(NotificationReason.RESOLVED)
    assert isinstance(decide_delivery(failed_before, over, last_notified(AlertState.RESOLVED), False), Skip)
    assert isinstance(decide_delivery(replace(failed_before, attempts=0), over, None, False), Skip)


def test_newest_delivery_carries_a_resolved_critical_alert_after_a_failed_one() -> None:
    over = replace(RESOLVED_ALERT, severity="critical")
    failed_before = replace(delivery(NotificationReason.FIRED), severity="critical", attempts=2)
    newest = replace(delivery(NotificationReason.RESOLVED), severity="critical")
    assert isinstance(decide_delivery(failed_before, over, None, True), Skip)
    assert decide_delivery(newest, over, None, False, is_owed=True) == Send(NotificationReason.RESOLVED)
    assert isinstance(decide_delivery(newest, over, last_notified(AlertState.RESOLVED), False, is_owed=True), Skip)


def test_message_sent_but_not_recorded_as_sent_is_not_repeated() -> None:
    assert isinstance(decide_delivery(delivery(NotificationReason.FIRED), FIRING_ALERT, last_notified(), False), Skip)


def test_raised_severity_is_sent_even_if_the_channel_knows_the_alert() -> None:
    critical = replace(FIRING_ALERT, severity="critical")
    assert decide_delivery(delivery(NotificationReason.ESCALATED), critical, last_notified(), False) == Send(
        NotificationReason.ESCALATED
    )
    assert decide_delivery(delivery(NotificationReason.FIRED), critical, last_notified(), False) == Send(
        NotificationReason.FIRED
    )


def test_silenced_alert_is_not_sent() -> None:
    assert decide_delivery(
        delivery(NotificationReason.FIRED), replace(FIRING_ALERT, silenced_by=3), None, False
    ) == Skip("silenced by 3")


def test_acknowledged_alert_is_sent_once_to_each_channel() -> None:
    acked = replace(FIRING_ALERT, acked_by="me", acked_at=NOW)
    assert decide_delivery(delivery(NotificationReason.FIRED), acked, None, False) == Send(NotificationReason.FIRED)
    for reason in (NotificationReason.REMINDED, NotificationReason.ESCALATED):
        assert decide_delivery(delivery(reason), acked, last_notified(), False) == Skip("acknowledged by me")


def test_reminder_is_sent() -> None:
    assert decide_delivery(delivery(NotificationReason.REMINDED), FIRING_ALERT, last_notified(), False) == Send(
        NotificationReason.REMINDED
    )


def test_resolved_message_is_never_sent_for_a_firing_alert() -> None:
    assert isinstance(
        decide_delivery(delivery(NotificationReason.RESOLVED), FIRING_ALERT, last_notified(), False), Skip
    )


def test_retries_wait_twice_as_long_each_time_up_to_a_minute() -> None:
    assert [retry_delay_s(n, None) for n in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_service_may_ask_for_more_time_but_not_for_less() -> None:
    assert retry_delay_s(1, 30) == 30
    assert retry_delay_s(6, 5) == 32
