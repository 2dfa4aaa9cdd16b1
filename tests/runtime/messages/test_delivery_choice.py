"""The choice among the deliveries of a channel that are due."""

from monitor.core.model.alert import NotificationReason
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
