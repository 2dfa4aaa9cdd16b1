"""What a channel is told now, given what it last heard."""

from dataclasses import replace

import pytest

from monitor.core.model.alert import Alert, AlertKey, AlertState, Reason, Severity
from monitor.core.notifications.outbox import Delivery, Send, Skip, Told, choose, retry_delay_s
from tests.support.examples.accounts import NOW

FIRING = Alert(7, AlertKey("low", "main", "cross"), AlertState.FIRING, "warning", NOW, "w", "c", "s")
OVER = replace(FIRING, state=AlertState.RESOLVED)


def delivery(reason: Reason) -> Delivery:
    return Delivery(1, "phone", 7, reason, "warning", NOW, NOW)


def heard(state: AlertState = AlertState.FIRING, severity: Severity = "warning") -> Told:
    return Told(7, "phone", state, severity, NOW)


def test_channel_that_never_heard_of_it_is_told_that_it_fires() -> None:
    assert choose(delivery(Reason.FIRED), FIRING, None, False) == Send(Reason.FIRED)
    assert choose(delivery(Reason.REMINDED), FIRING, None, False) == Send(Reason.FIRED)


def test_channel_of_an_escalation_is_told_so_at_first() -> None:
    assert choose(delivery(Reason.ESCALATED), FIRING, None, False) == Send(Reason.ESCALATED)


def test_forty_minutes_without_network_yield_one_message_with_the_present_truth() -> None:
    assert isinstance(choose(delivery(Reason.FIRED), FIRING, None, True), Skip)
    assert choose(delivery(Reason.REMINDED), FIRING, None, False) == Send(Reason.FIRED)


@pytest.mark.parametrize("reason", list(Reason))
def test_what_is_over_is_told_as_over_to_those_who_heard_of_it(reason: Reason) -> None:
    assert choose(delivery(reason), OVER, heard(), False) == Send(Reason.RESOLVED)


@pytest.mark.parametrize("told", [None, heard(AlertState.RESOLVED)])
def test_what_is_over_is_not_told_to_those_who_never_heard_or_know_it(told: Told | None) -> None:
    for reason in Reason:
        assert isinstance(choose(delivery(reason), OVER, told, False), Skip)


def test_critical_alert_that_came_and_went_while_the_channel_failed_is_still_told() -> None:
    over = replace(OVER, severity="critical")
    failed_before = replace(delivery(Reason.FIRED), severity="critical", attempts=2)
    assert choose(failed_before, over, None, False) == Send(Reason.RESOLVED)
    assert isinstance(choose(failed_before, over, heard(AlertState.RESOLVED), False), Skip)
    assert isinstance(choose(replace(failed_before, attempts=0), over, None, False), Skip)


def test_critical_alert_that_is_over_is_told_by_the_newest_delivery_though_an_older_one_failed() -> None:
    over = replace(OVER, severity="critical")
    failed_before = replace(delivery(Reason.FIRED), severity="critical", attempts=2)
    newest = replace(delivery(Reason.RESOLVED), severity="critical")
    assert isinstance(choose(failed_before, over, None, True), Skip)
    assert choose(newest, over, None, False, tried=True) == Send(Reason.RESOLVED)
    assert isinstance(choose(newest, over, heard(AlertState.RESOLVED), False, tried=True), Skip)


def test_message_that_was_sent_but_not_marked_is_not_repeated() -> None:
    assert isinstance(choose(delivery(Reason.FIRED), FIRING, heard(), False), Skip)


def test_raised_severity_is_told_even_if_the_channel_knows_of_the_alert() -> None:
    critical = replace(FIRING, severity="critical")
    assert choose(delivery(Reason.ESCALATED), critical, heard(), False) == Send(Reason.ESCALATED)
    assert choose(delivery(Reason.FIRED), critical, heard(), False) == Send(Reason.FIRED)


def test_silenced_alert_is_not_told() -> None:
    assert choose(delivery(Reason.FIRED), replace(FIRING, silenced_by=3), None, False) == Skip("silenced by 3")


def test_acknowledged_alert_is_told_to_those_who_never_heard_and_not_repeated_to_others() -> None:
    acked = replace(FIRING, acked_by="me", acked_at=NOW)
    assert choose(delivery(Reason.FIRED), acked, None, False) == Send(Reason.FIRED)
    for reason in (Reason.REMINDED, Reason.ESCALATED):
        assert choose(delivery(reason), acked, heard(), False) == Skip("acknowledged by me")


def test_reminder_is_sent() -> None:
    assert choose(delivery(Reason.REMINDED), FIRING, heard(), False) == Send(Reason.REMINDED)


def test_end_is_never_said_of_what_fires() -> None:
    assert isinstance(choose(delivery(Reason.RESOLVED), FIRING, heard(), False), Skip)


def test_retries_wait_twice_as_long_each_time_up_to_a_minute() -> None:
    assert [retry_delay_s(n, None) for n in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_service_may_ask_for_more_time_but_not_for_less() -> None:
    assert retry_delay_s(1, 30) == 30
    assert retry_delay_s(6, 5) == 32
