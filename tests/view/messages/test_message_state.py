"""The lines that are added to a message afterwards: who answered it, and how it ended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.model.alert import AlertState, Silence
from monitor.core.model.intent import IntentState
from monitor.records.message_truth import IntentDecision
from monitor.view.messages.message_state import alert_lines, intent_lines, is_final
from tests.support.examples.actions import NOW, intent
from tests.support.examples.store_rows import alert

LATER = NOW + timedelta(minutes=5)


def test_alert_that_goes_on_unanswered_adds_nothing() -> None:
    assert alert_lines(alert(17), {}, is_single=True) == []


def test_acknowledgement_and_silence_name_the_person() -> None:
    taken = replace(alert(17), acked_by="ann", acked_at=NOW, ack_comment="on it", silenced_by=3)
    silence = Silence(3, (), NOW, LATER, "bob", "night")
    first, second = alert_lines(taken, {3: silence}, is_single=False)
    assert first.startswith("#17: Acknowledged by ann at ") and first.endswith(": on it")
    assert second.startswith("#17: Silenced by bob until ")


def test_end_of_an_alert_replaces_everything_else() -> None:
    over = replace(alert(17, AlertState.RESOLVED), resolved_at=LATER, acked_by="ann", acked_at=NOW)
    (line,) = alert_lines(over, {}, is_single=True)
    assert line.startswith("Resolved at ") and line.endswith("(acknowledged by ann)")
    assert alert_lines(replace(over, gone=True, acked_by=None), {}, is_single=True) == ["Gone, no longer watched"]


@pytest.mark.parametrize(
    ("state", "part"),
    [
        (IntentState.CONFIRMED, "Done"),
        (IntentState.FAILED, "Not done"),
        (IntentState.REFUSED, "Not done"),
        (IntentState.EXPIRED, "Expired"),
        (IntentState.SIMULATED, "Dry run"),
        (IntentState.UNCERTAIN, "looked into"),
        (IntentState.UNRESOLVED, "not certain"),
        (IntentState.SUBMITTING, "awaiting proof"),
    ],
)
def test_intent_shows_its_decision_and_its_outcome(state: IntentState, part: str) -> None:
    decided = IntentDecision(True, "ann", NOW)
    first, second = intent_lines(replace(intent(5), state=state), decided)
    assert first.startswith("Approved by ann at ") and part in second


def test_open_proposal_adds_nothing_but_a_decision() -> None:
    proposal = replace(intent(5), state=IntentState.PROPOSED)
    assert intent_lines(proposal, None) == []
    (line,) = intent_lines(proposal, IntentDecision(False, "bob", NOW))
    assert line.startswith("Rejected by bob at ")


def test_subject_is_final_once_everything_of_it_has_ended() -> None:
    assert not is_final([alert(17), alert(18, AlertState.RESOLVED)], None)
    assert is_final([alert(18, AlertState.RESOLVED)], None)
    assert not is_final([], replace(intent(5), state=IntentState.UNRESOLVED))
    assert is_final([], replace(intent(5), state=IntentState.CONFIRMED))
