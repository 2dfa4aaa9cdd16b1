"""Pushover messages: which are emergencies, and which end one."""

import asyncio
import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.core.model.alert import Alert, AlertState, NotificationReason
from monitor.core.notifications.emergencies import alert_tag
from monitor.notify.pushover.client import MAX_TEXT_CHARS, PushoverClient
from monitor.notify.pushover.sink import PushoverRecipient, PushoverSink, split_text
from monitor.notify.secret_scrubber import SecretScrubber
from monitor.notify.sinks import Delivered, NotDelivered
from monitor.view.messages.grouping import group_messages
from monitor.view.messages.message import DrillProgress, Message, alert_message, notice_message
from tests.support.examples.documents import ALERT, NOW
from tests.support.services.pushover import TOKEN, USER, Fault, PushoverServer, pushover_server

FIRED, REMINDED, RESOLVED = NotificationReason.FIRED, NotificationReason.REMINDED, NotificationReason.RESOLVED
OLD = NOW - timedelta(days=2)
"""A start before the sample alert fired: nothing about it can have been sent by an earlier daemon."""


@pytest.fixture
def server() -> Iterator[PushoverServer]:
    with pushover_server() as state:
        yield state


def sink_of(server: PushoverServer, **more: Any) -> PushoverSink:
    token, timeout_s = more.pop("token", TOKEN), more.pop("timeout_s", 20.0)
    client = PushoverClient(token, SecretScrubber(f"pover://{USER}@{token}"), timeout_s, server.url)
    return PushoverSink(
        "phone", client, PushoverRecipient(USER, **more.pop("recipient", {})), **{"now": lambda: OLD, **more}
    )


def message(alert: Alert = ALERT, reason: NotificationReason = FIRED, **more: Any) -> Message:
    return alert_message(alert, reason, None, NOW, **more)


async def test_critical_message_is_an_emergency_with_a_receipt(server: PushoverServer) -> None:
    sink = sink_of(server, recipient={"retry_s": 45, "expire_s": 900, "device": "annas-phone"})
    result = await sink.send(message(public_url="https://margin.example.org"))
    (emergency,) = server.emergencies
    assert isinstance(result, Delivered) and result.message is not None
    assert result.message.reference == emergency.receipt
    sent = emergency.fields
    assert (sent["priority"], sent["retry"], sent["expire"], sent["device"]) == ("2", "45", "900", "annas-phone")
    assert (sent["url"], sent["url_title"]) == ("https://margin.example.org/alerts/17", "Alert #17")
    assert sent["title"].startswith("[FIRING] critical main cross")
    assert emergency.tags == (alert_tag(ALERT),)
    # A first message costs one request.
    assert server.requests == ["POST /1/messages.json"]


@pytest.mark.parametrize(
    "ordinary",
    [
        message(replace(ALERT, severity="warning")),
        message(replace(ALERT, acked_at=NOW, acked_by="anna")),
        message(replace(ALERT, state=AlertState.RESOLVED), RESOLVED),
        message(replace(ALERT, severity="warning"), drill=DrillProgress(3, 1, 2)),
        message(drill=DrillProgress(3, 2, 2), reason=RESOLVED),
        notice_message("critical", "the database can't be used"),
    ],
)
async def test_other_messages_are_ordinary_ones(server: PushoverServer, ordinary: Message) -> None:
    result = await sink_of(server, recipient={"priority": "1", "sound": "siren"}).send(ordinary)
    assert isinstance(result, Delivered) and result.message is None
    (sent,) = server.messages
    assert (sent["priority"], sent["sound"]) == ("1", "siren")
    assert server.emergencies == []


async def test_reminder_rings_again_only_after_the_end_of_the_emergency(server: PushoverServer) -> None:
    now_s = 0.0
    sink = sink_of(server, machine_time=lambda: now_s, recipient={"expire_s": 900})
    await sink.send(message())
    now_s = 899.0
    await sink.send(message(reason=REMINDED))
    assert [sent["priority"] for sent in server.messages] == ["2", "0"]
    now_s = 901.0
    await sink.send(message(reason=REMINDED))
    assert [sent["priority"] for sent in server.messages] == ["2", "0", "2"]
    sink.note_end(server.emergencies[-1].receipt)
    await sink.send(message(reason=REMINDED))
    assert [sent["priority"] for sent in server.messages] == ["2", "0", "2", "2"]


async def test_reminder_made_before_a_press_was_known_does_not_ring(server: PushoverServer) -> None:
    now_s = 0.0
    sink = sink_of(server, machine_time=lambda: now_s)
    await sink.send(message())
    sink.note_press(server.emergencies[0].receipt)
    await sink.send(message(reason=REMINDED))
    assert len(server.emergencies) == 1
    # An alert that has lost its acknowledgement rings again.
    now_s = 11.0
    await sink.send(message(reason=REMINDED))
    assert len(server.emergencies) == 2


async def test_message_about_several_alerts_is_one_emergency_of_the_critical_ones(server: PushoverServer) -> None:
    other, mild = replace(ALERT, id=18), replace(ALERT, id=19, severity="warning")
    sink = sink_of(server)
    await sink.send(group_messages([message(), message(other), message(mild)]))
    (emergency,) = server.emergencies
    assert emergency.tags == (alert_tag(ALERT), alert_tag(other))
    await sink.send(message(other, REMINDED))
    assert len(server.emergencies) == 1


async def test_emergency_whose_answer_was_lost_is_ended_before_the_next_one(server: PushoverServer) -> None:
    server.faults = [Fault("/1/messages.json", status=502, carried_out=True)]
    sink = sink_of(server)
    lost = await sink.send(message())
    assert isinstance(lost, NotDelivered) and "502" in lost.answer
    assert len(server.ringing) == 1
    again = await sink.send(message())
    assert isinstance(again, Delivered) and again.message is not None
    assert [emergency.receipt for emergency in server.ringing] == [again.message.reference]


async def test_message_that_was_cut_off_in_the_middle_counts_as_sent(server: PushoverServer) -> None:
    server.faults = [Fault("/1/messages.json", hang=True, carried_out=True)]
    sink = sink_of(server)
    sending = asyncio.create_task(sink.send(message()))
    await asyncio.to_thread(server.wait_for, lambda state: state.emergencies)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    again = await sink.send(message())
    assert isinstance(again, Delivered) and again.message is not None
    assert [emergency.receipt for emergency in server.ringing] == [again.message.reference]


async def test_emergency_of_an_earlier_daemon_is_ended_before_the_next_one(server: PushoverServer) -> None:
    await sink_of(server).send(message())
    started_later = sink_of(server, now=lambda: NOW + timedelta(days=1))
    again = await started_later.send(message())
    assert isinstance(again, Delivered) and again.message is not None
    assert [emergency.receipt for emergency in server.ringing] == [again.message.reference]


async def test_known_emergency_of_an_earlier_daemon_repeats_alone(server: PushoverServer) -> None:
    first = await sink_of(server).send(message())
    assert isinstance(first, Delivered) and first.message is not None
    started_later = sink_of(server, now=lambda: NOW + timedelta(days=1))
    started_later.note_ringing(first.message.reference, [alert_tag(ALERT)])
    await started_later.send(message(reason=REMINDED))
    assert [sent["priority"] for sent in server.messages] == ["2", "0"]
    assert len(server.ringing) == 1


async def test_end_of_an_alert_ends_emergencies_of_which_no_receipt_is_known(server: PushoverServer) -> None:
    await sink_of(server).send(message())
    await sink_of(server).send(message(replace(ALERT, state=AlertState.RESOLVED), RESOLVED))
    assert server.ringing == []


async def test_drill_rings_once_and_not_for_long(server: PushoverServer) -> None:
    sink = sink_of(server)
    for reason in (FIRED, NotificationReason.ESCALATED):
        result = await sink.send(message(drill=DrillProgress(3, 1, 2), reason=reason))
        assert isinstance(result, Delivered)
    assert [sent["priority"] for sent in server.messages] == ["2", "0"]
    assert (server.emergencies[0].fields["expire"], server.emergencies[0].tags) == ("600", ("mm-drill-3",))


async def test_long_message_rings_once_and_comes_whole(server: PushoverServer) -> None:
    text = "\n".join(f"line {number}: " + "x" * 80 for number in range(30))
    await sink_of(server).send(replace(message(), text=text))
    assert [sent["priority"] for sent in server.messages] == ["2", "0", "0"]
    assert "\n".join(sent["message"] for sent in server.messages) == text


def test_text_is_cut_at_line_ends_where_that_is_possible() -> None:
    assert split_text("short") == ["short"]
    assert split_text("a" * MAX_TEXT_CHARS) == ["a" * MAX_TEXT_CHARS]
    assert split_text("a" * (MAX_TEXT_CHARS + 1)) == ["a" * MAX_TEXT_CHARS, "a"]
    assert split_text("") == ["-"]


async def test_picture_is_attached_to_an_ordinary_message(server: PushoverServer, tmp_path: Path) -> None:
    picture = tmp_path / "chart.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 64)
    result = await sink_of(server).send(replace(message(), image=picture))
    assert isinstance(result, Delivered)
    assert (server.messages[0]["attachment"], server.messages[0]["priority"]) == ("72", "0")


@pytest.mark.parametrize(
    ("fault", "is_refused", "part"),
    [
        (Fault("/1/", status=400, body='{"status":0,"errors":["message is bad"]}'), True, "message is bad"),
        (Fault("/1/", status=400, body='{"status":0,"token":"invalid","errors":["no token"]}'), False, "no token"),
        (Fault("/1/", status=429, body='{"status":0,"errors":["over its limit"]}'), False, "over its limit"),
        (Fault("/1/", status=200, body="<html>a proxy's page</html>"), False, "HTTP 200"),
        (Fault("/1/", status=500, body="x" * 200_000), False, "HTTP 500"),
    ],
)
async def test_failures_are_distinguished_and_quoted(
    server: PushoverServer, fault: Fault, is_refused: bool, part: str
) -> None:
    server.faults = [fault]
    result = await sink_of(server).send(message())
    assert isinstance(result, NotDelivered)
    assert result.is_refused == is_refused
    assert part in result.answer


async def test_neither_token_nor_key_reaches_a_log_or_an_answer(server: PushoverServer) -> None:
    log = io.StringIO()
    handler, root = logging.StreamHandler(log), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        server.faults = [Fault("/1/", status=400, body=f'{{"status":0,"errors":["{TOKEN} and {USER} are bad"]}}')]
        sink = sink_of(server)
        results = [await sink.send(message()), await sink.send(message())]
        server.close()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    said = log.getvalue() + " ".join(result.answer for result in results)
    assert TOKEN not in said and USER not in said
    assert "*** and *** are bad" in results[0].answer


async def test_closed_port_is_a_failure_and_no_exception(server: PushoverServer) -> None:
    with pushover_server() as gone:
        pass
    result = await sink_of(gone).send(message())
    assert isinstance(result, NotDelivered) and result.answer
