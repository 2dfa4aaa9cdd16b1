"""The days of the past in the documents of an account, of a report, and in messages: as they were measured last."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.account import CROSS
from monitor.core.model.alert import NotificationReason
from monitor.core.model.odds import OddsRead
from monitor.view.documents.account import account_document
from monitor.view.documents.types.account import AccountDocument
from monitor.view.messages.message import alert_message
from monitor.view.messages.past_text import past_line
from monitor.view.past.windows_document import MAX_RECORDED_MOVES
from monitor.view.report.text import level_lines
from monitor.view.terminal.status_notes import past_day_cells
from monitor.web.pages.models.scope import scope_views
from tests.support.examples import documents
from tests.support.examples.document_types import json_form
from tests.support.examples.past_odds import PAST_ODDS

STATE = replace(documents.STATE, odds=PAST_ODDS)
SENTENCE = "of the last 90 days this account would not have survived 3; the worst: 5 September"


def account(state: Any = STATE, now: Any = documents.NOW) -> AccountDocument:
    return account_document(state, documents.SETTINGS, now, "1")


def test_account_has_the_past_of_each_scope_as_it_was_measured() -> None:
    document = json_form(account(), AccountDocument)
    cross, pair = document["cross"]["past_day"], document["isolated"][0]["past_day"]
    assert (cross["windows"], cross["liquidated"], cross["days"], cross["days_liquidated"]) == (2136, 72, 90, 3)
    assert [row["asset"] for row in cross["worst"]["moves"]] == ["A", "B", "BTC", "C", "D"]
    assert len(cross["worst"]["moves"]) == MAX_RECORDED_MOVES
    assert (pair["odds"], pair["unavailable"]) == (None, "less than 30 days of past prices of BTC")


def test_past_that_was_not_measured_or_is_too_old_is_not_shown_as_known() -> None:
    assert account(documents.STATE)["cross"]["past_day"] is None
    old = account(STATE, documents.NOW + timedelta(hours=3))["cross"]["past_day"]
    assert old is not None
    assert old["unavailable"] == "the last measurement is too old"
    failed = account(replace(STATE, odds=OddsRead({}, documents.NOW, "it was killed")))["cross"]["past_day"]
    assert failed is not None
    assert failed["unavailable"] == "it was killed"


def test_account_without_debt_has_no_past() -> None:
    assert account(replace(documents.WITHOUT_DEBT, odds=PAST_ODDS))["cross"]["past_day"] is None


def test_status_screen_has_one_line_of_each_scope() -> None:
    found = [(cell.text, cell.tone) for cell in past_day_cells([account()], documents.NOW)]
    assert found == [
        (f"main cross: {SENTENCE}", "note"),
        (
            "main BTCUSDT: how this pair would have fared in the past is not known: "
            "less than 30 days of past prices of BTC",
            "dim",
        ),
    ]


def test_page_has_the_sentence() -> None:
    cross, _ = scope_views(account(), frozenset({"USDT"}))
    assert cross.past == "Of the last 90 days this account would not have survived 3; the worst: 5 September"
    assert [view.past for view in scope_views(account(documents.STATE), frozenset())] == ["", ""]


def test_report_has_the_sentence() -> None:
    cross: Any = account()["cross"]
    entry = {
        **{
            name: cross[name]
            for name in ("state", "as_of", "age_s", "margin_level", "distance_to_liquidation", "past_day")
        },
        "scope": "cross",
        "symbol": None,
        "lowest": None,
        "nearest": None,
        "liabilities_usdt": None,
        "unknown": [],
    }
    assert f"  {SENTENCE}" in [cell.text for cell in level_lines("main", entry)]


def test_message_has_the_sentence() -> None:
    figures = measure_subject(STATE, documents.SETTINGS, ("cross", ""), documents.NOW)
    line = past_line(STATE, CROSS, figures, documents.NOW)
    assert line == f"{SENTENCE[0].upper()}{SENTENCE[1:]}."
    message = alert_message(documents.ALERT, NotificationReason.FIRED, figures, documents.NOW, past=line)
    assert line in message.text.splitlines()
    assert past_line(documents.STATE, CROSS, figures, documents.NOW) == ""
