from typing import Any

import pytest

from monitor.web.pages.models.action_page import ActionPage, action_page
from monitor.web.pages.models.health import WatchFaults
from tests.web.pages.example_documents import STABLES, account, action, alert, cross, status


def page(document: Any, alerts: Any = (), answer: str = "", **more: Any) -> ActionPage:
    return action_page(action(**more), document, alerts, WatchFaults(), STABLES, answer)


def test_done_intent_is_not_green_while_its_account_is_in_danger() -> None:
    found = page(status(account(cross=cross(margin_level="1.05"))), state="CONFIRMED")
    assert found.tone == "bad"
    assert found.verdict is not None
    assert (found.verdict.words, found.verdict.detail) == ("In danger", "main cross: at liquidation")
    assert page(status(account(cross=cross(margin_level="1.8"))), [alert()], state="CONFIRMED").tone == "bad"
    assert page(status(account(cross=cross(margin_level="1.8"))), None, state="CONFIRMED").tone == "note"


def test_done_intent_of_a_calm_account_is_green() -> None:
    assert page(status(account(cross=cross(margin_level="1.8"))), state="CONFIRMED").tone == "good"


def test_done_intent_of_an_account_that_is_not_watched_says_nothing() -> None:
    found = page(status(account(account="other")), state="CONFIRMED")
    assert (found.tone, found.verdict) == ("dim", None)


def test_failed_intent_of_a_calm_account_stays_bad() -> None:
    assert page(status(account(cross=cross(margin_level="1.8"))), state="FAILED").tone == "bad"


@pytest.mark.parametrize(
    ("state", "answer", "shown"),
    [("PROPOSED", "approved", "approved"), ("PROPOSED", "<b>", ""), ("CONFIRMED", "approved", "")],
)
def test_answer_is_shown_until_it_is_taken_up(state: str, answer: str, shown: str) -> None:
    assert page(status(), answer=answer, state=state).answer == shown
