"""Edits follow from the truth alone: what a message shows, and what it should show."""

from dataclasses import replace
from datetime import timedelta

from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.intent import IntentState
from monitor.core.notifications.channel_messages import ChannelMessage
from monitor.records.message_truth import IntentDecision, MessageTruth
from monitor.runtime.replies.message_editor import find_edits, is_group
from tests.support.examples.actions import NOW, intent
from tests.support.examples.store_rows import alert

ALLOWED = {"chat": frozenset({"ack", "silence"})}
MESSAGE = ChannelMessage(1, "chat", "42/7", 17, None, None, "fired", "critical", NOW, "<b>title</b>", "")


def truth(*messages: ChannelMessage, alerts: tuple[Alert, ...] = (), **more: object) -> MessageTruth:
    found = MessageTruth(messages, {each.id: each for each in alerts}, {}, {}, {})
    return replace(found, **more)  # type: ignore[arg-type]  # names of its own fields


def test_message_that_shows_the_truth_is_left_alone() -> None:
    assert find_edits(truth(MESSAGE, alerts=(alert(17),)), ALLOWED) == []
    acked = replace(alert(17), acked_by="ann", acked_at=NOW)
    (edit,) = find_edits(truth(MESSAGE, alerts=(acked,)), ALLOWED)
    assert "Acknowledged by ann" in edit.html and not edit.is_last
    assert [button.label for row in edit.buttons for button in row] == ["Silence 1 h"]
    assert find_edits(truth(replace(MESSAGE, shown=edit.shown), alerts=(acked,)), ALLOWED) == []


def test_end_is_shown_once_and_closes_the_message() -> None:
    over = replace(alert(17, AlertState.RESOLVED), resolved_at=NOW + timedelta(minutes=1))
    (edit,) = find_edits(truth(MESSAGE, alerts=(over,)), ALLOWED)
    assert "Resolved at " in edit.html and edit.is_last and edit.is_changed and edit.buttons == ()
    # The message of the end says so itself: it is closed without an edit.
    (closing,) = find_edits(truth(replace(MESSAGE, reason="resolved"), alerts=(over,)), ALLOWED)
    assert closing.is_last and not closing.is_changed


def test_message_about_several_alerts_is_one_edit() -> None:
    rows = (MESSAGE, replace(MESSAGE, id=2, alert=18))
    acked = replace(alert(18), acked_by="bob", acked_at=NOW)
    (edit,) = find_edits(truth(*rows, alerts=(alert(17), acked)), ALLOWED)
    assert "#18: Acknowledged by bob" in edit.html and "#17:" not in edit.html
    over = replace(acked, state=AlertState.RESOLVED)
    (edit,) = find_edits(truth(*rows, alerts=(alert(17), over)), ALLOWED)
    assert not edit.is_last


def test_proposal_shows_decision_and_outcome() -> None:
    message = replace(MESSAGE, alert=None, intent=5, reason="notice")
    done = replace(intent(5), state=IntentState.CONFIRMED, settled_at=NOW, evidence="record 77")
    decided = {5: IntentDecision(True, "ann", NOW)}
    (edit,) = find_edits(truth(message, intents={5: done}, decisions=decided), ALLOWED)
    assert "Approved by ann" in edit.html and "Done at" in edit.html and "record 77" in edit.html and edit.is_last


def test_text_of_people_is_no_markup() -> None:
    acked = replace(alert(17), acked_by="<b>ann", acked_at=NOW, ack_comment="1 < 2 & 3")
    (edit,) = find_edits(truth(MESSAGE, alerts=(acked,)), ALLOWED)
    assert "&lt;b&gt;ann" in edit.html and "1 &lt; 2 &amp; 3" in edit.html


def test_groups_and_channels_differ_from_private_chats() -> None:
    assert [is_group(chat) for chat in ("42", "-100123", "@news")] == [False, True, True]
