"""Buttons: what is allowed and possible now, and data that fit the service's limit and name one thing for good."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.model.alert import AlertState
from monitor.core.model.intent import IntentState
from monitor.view.messages.buttons import (
    MAX_BUTTON_ALERTS,
    MAX_DATA_BYTES,
    ButtonPress,
    alert_buttons,
    drill_buttons,
    intent_buttons,
    moment_mark,
    parse_button,
    parse_moment_mark,
    pause_confirmation,
)
from tests.support.examples.actions import NOW, intent
from tests.support.examples.store_rows import alert

ALL = ("ack", "silence", "status", "approve", "reject", "pause")


def labels(rows: tuple[tuple[object, ...], ...]) -> list[list[str]]:
    return [[getattr(button, "label", "") for button in row] for row in rows]


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (ALL, [["Acknowledge", "Silence 1 h"], ["Status", "Pause actions"]]),
        (("ack",), [["Acknowledge"]]),
        (("status",), [["Status"]]),
        (("approve", "reject"), []),
    ],
)
def test_message_of_an_alert_has_the_allowed_buttons(allowed: tuple[str, ...], expected: list[list[str]]) -> None:
    assert labels(alert_buttons([alert(17)], allowed)) == expected


def test_answered_alert_has_no_button_for_it_any_more() -> None:
    acked = replace(alert(17), acked_by="ann", acked_at=NOW)
    assert labels(alert_buttons([acked], ALL)) == [["Silence 1 h"], ["Status", "Pause actions"]]
    silenced = replace(acked, silenced_by=3)
    assert labels(alert_buttons([silenced], ALL)) == [["Status", "Pause actions"]]
    assert labels(alert_buttons([alert(17, AlertState.RESOLVED)], ALL)) == [["Status"]]


def test_message_about_several_alerts_names_each() -> None:
    rows = labels(alert_buttons([alert(17), alert(18)], ("ack", "silence")))
    assert rows == [["Acknowledge #17", "Silence 1 h #17"], ["Acknowledge #18", "Silence 1 h #18"]]
    assert len(alert_buttons([alert(number) for number in range(30)], ("ack",))) == MAX_BUTTON_ALERTS


def test_proposal_is_approved_or_rejected_with_its_amount() -> None:
    proposal = intent(5, state=IntentState.PROPOSED)
    shown = labels(intent_buttons(proposal, False, ALL))
    assert shown[0][0].startswith("Approve: repay ") and "USDT" in shown[0][0]
    assert shown[1:] == [["Reject"], ["Status", "Pause actions"]]
    assert labels(intent_buttons(proposal, True, ALL)) == [["Status", "Pause actions"]]
    assert labels(intent_buttons(replace(proposal, state=IntentState.EXPIRED), False, ("approve", "reject"))) == []


def test_every_button_names_its_subject_within_the_limit() -> None:
    huge = replace(alert(10**17), since=NOW)
    proposal = replace(intent(10**17), state=IntentState.PROPOSED)
    rows = (
        *alert_buttons([huge], ALL),
        *intent_buttons(proposal, False, ALL),
        *drill_buttons(10**17, ALL),
        *pause_confirmation(NOW),
    )
    presses = []
    for button in (button for row in rows for button in row):
        assert len(button.data.encode()) <= MAX_DATA_BYTES
        press = parse_button(button.data)
        assert press is not None
        presses.append(press)
    assert ButtonPress("ack", 10**17, moment_mark(NOW)) in presses
    assert ButtonPress("approve", 10**17, moment_mark(proposal.created_at)) in presses
    assert ButtonPress("silence", 10**17, is_drill=True) in presses
    assert ButtonPress("confirm_pause", 0, moment_mark(NOW)) in presses


@pytest.mark.parametrize("data", ["", "z:1", "a:x", "a:-1", "a:1:2:3", "ax:1", "a:" + "9" * 19, "a:١", "a" * 100])
def test_data_of_no_button_are_ignored(data: str) -> None:
    assert parse_button(data) is None


def test_mark_of_a_moment_is_exact_to_the_millisecond() -> None:
    assert parse_moment_mark(moment_mark(NOW)) == NOW
    assert moment_mark(NOW + timedelta(milliseconds=1)) != moment_mark(NOW)
    for nonsense in ("", "Z", "zzzzzzzzzzz", "-1"):
        assert parse_moment_mark(nonsense) is None
