"""The choice among the deliveries of a channel that are due."""

from dataclasses import replace

from monitor.core.model.alert import AlertState, NotificationReason, Severity
from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.throttling import DueAlert
from monitor.notify.factory import build_sink
from monitor.runtime.messages.channel_queue import Channel
from monitor.runtime.messages.delivery_choice import choose_due
from monitor.store.writes.due_notifications import ChannelDue
from tests.support.examples.store_rows import NOW, alert, at

SEVERITIES = frozenset({"info", "warning", "critical"})


def test_newest_message_is_sent_whatever_its_id() -> None:
    channel = Channel("phone", build_sink("phone", webhook="http://127.0.0.1:9/"), SEVERITIES)
    # After a failover the row of the older one was made anew.
    older = Delivery(12, "phone", 17, NotificationReason.FIRED, "warning", NOW, NOW)
    newer = Delivery(11, "phone", 17, NotificationReason.ESCALATED, "critical", at(5), at(5))
    firing = alert(17)
    choice = choose_due(channel, ChannelDue((older, newer), None, alerts={17: firing}), lambda _: firing, at(6))
    assert choice.alerts == [DueAlert(newer, firing, NotificationReason.ESCALATED)]
    assert choice.unsent == {older.key: "a newer message about this alert follows"}


def test_critical_alert_that_ended_while_its_message_waited_is_notified() -> None:
    """As after a takeover, or a restart: both messages wait when the next daemon looks."""
    channel = Channel("phone", build_sink("phone", webhook="http://127.0.0.1:9/"), SEVERITIES)
    over = replace(alert(17), state=AlertState.RESOLVED, resolved_at=at(5), severity="critical")
    fired = Delivery(11, "phone", 17, NotificationReason.FIRED, "critical", NOW, NOW)
    ended = Delivery(12, "phone", 17, NotificationReason.RESOLVED, "critical", at(5), at(5))
    choice = choose_due(channel, ChannelDue((fired, ended), None, alerts={17: over}), lambda _: None, at(6))
    assert choice.alerts == [DueAlert(ended, over, NotificationReason.RESOLVED)]
    assert choice.unsent == {fired.key: "a newer message about this alert follows"}


def test_end_of_an_alert_without_a_message_of_its_beginning_is_not_sent() -> None:
    """The end goes to every channel that may know of the alert; one that escalations reach had no message."""
    channel = Channel("phone", build_sink("phone", webhook="http://127.0.0.1:9/"), SEVERITIES)
    severities: tuple[Severity, ...] = ("critical", "warning")
    for severity in severities:
        over = replace(alert(17), state=AlertState.RESOLVED, resolved_at=at(5), severity=severity)
        ended = Delivery(12, "phone", 17, NotificationReason.RESOLVED, severity, at(5), at(5))
        fired = Delivery(11, "phone", 17, NotificationReason.FIRED, severity, NOW, NOW)
        waiting = (ended,) if severity == "critical" else (fired, ended)
        choice = choose_due(channel, ChannelDue(waiting, None, alerts={17: over}), lambda _: None, at(6))
        assert choice.alerts == []
        assert choice.unsent[ended.key] == "over before this channel heard of it"


def test_end_of_an_alert_that_was_acknowledged_or_silenced_before_its_message_left_is_not_sent() -> None:
    channel = Channel("phone", build_sink("phone", webhook="http://127.0.0.1:9/"), SEVERITIES)
    over = replace(alert(17), state=AlertState.RESOLVED, resolved_at=at(5), severity="critical")
    fired = Delivery(11, "phone", 17, NotificationReason.FIRED, "critical", NOW, NOW)
    ended = Delivery(12, "phone", 17, NotificationReason.RESOLVED, "critical", at(5), at(5))
    for known in (replace(over, silenced_by=3), replace(over, acked_by="ada")):
        choice = choose_due(channel, ChannelDue((fired, ended), None, alerts={17: known}), lambda _: None, at(6))
        assert choice.alerts == []
