"""Fans of levels from the answers about the example account."""

from monitor.core.model.price_history import HOUR
from monitor.odds.calculation import measure_odds
from monitor.view.charts.past_fan import past_fan
from monitor.view.documents.account import account_document
from monitor.view.documents.status import DaemonStatus, status_document
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.past.odds_questions import odds_question
from tests.odds.odds_examples import NO_MINIMUM, past_of
from tests.support.examples import documents

STILL = ("100", "100", "100")


def test_title_of_each_scope_has_its_odds_and_how_low_the_worst_window_falls() -> None:
    live = {"main": account_document(documents.STATE, documents.SETTINGS, documents.NOW, "1")}
    status = status_document(["main"], live, DaemonStatus(), documents.NOW, "1")
    past = past_of(BTC=[STILL, STILL, STILL, ("60", "100", "100")], ETH=[STILL] * 4)
    answers = {}
    for label, scope in scopes_of(status["accounts"][0]):
        question = odds_question(scope)
        assert question is not None
        (answers["main", label],) = measure_odds(question, past, [HOUR], min_history=NO_MINIMUM, with_fan=True)
    chart = past_fan(status, answers, 1)
    assert chart is not None
    # 30,000 against 40,000; 1.5 x 36,000 + 20,000 against 60,000.
    assert [panel.title for panel in chart.panels] == [
        "main BTCUSDT: 1 of 3 windows liquidate it, 33.4 %; the worst falls to 0.75",
        "main cross: 0 of 3 windows liquidate it, 0.00 %; the worst falls to 1.23",
    ]
