"""Objects of webhooks: each of its type, whatever the message is about."""

from dataclasses import replace

import pytest

from monitor.core.model.alert import NotificationReason
from monitor.view.documents.types.alerts import (
    AlertMessageDocument,
    BareAlertMessageDocument,
    NoticeMessageDocument,
)
from monitor.view.messages.grouping import group_messages
from monitor.view.messages.message import DrillProgress, Message, alert_message, minimal_message, notice_message
from tests.support.examples.document_types import json_form
from tests.support.examples.documents import ALERT, NOW

FIRED = NotificationReason.FIRED
PAGE = "https://watch.example"


@pytest.mark.parametrize("reason", NotificationReason)
def test_message_about_an_alert_is_of_its_type(reason: NotificationReason) -> None:
    found = json_form(alert_message(ALERT, reason, None, NOW, public_url=PAGE).document, AlertMessageDocument)
    assert (found["reason"], found["url"]) == (reason.value, "https://watch.example/alerts/17")
    bare = json_form(minimal_message(ALERT, reason, "critical").document, BareAlertMessageDocument)
    assert (bare["reason"], bare["url"]) == (reason.value, None)


@pytest.mark.parametrize(
    ("message", "type_"),
    [
        (alert_message(ALERT, FIRED, None, NOW, drill=DrillProgress(3, 1, 2)), AlertMessageDocument),
        (
            group_messages([alert_message(replace(ALERT, id=number), FIRED, None, NOW) for number in (17, 18)]),
            AlertMessageDocument,
        ),
        (notice_message("info", "main cross: repaid 500 USDT"), NoticeMessageDocument),
    ],
    ids=["drill", "group", "notice"],
)
def test_every_other_message_is_of_its_type(message: Message, type_: type) -> None:
    assert json_form(message.document, type_)["title"] == message.title
