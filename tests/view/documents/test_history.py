"""Events, actions, silences, history and interest as programs read them."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import Silence, SilenceMatcher
from monitor.core.model.events import NextRatesRead, RatesRead
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.metric_values import SamplePoint
from monitor.core.model.order import Repay
from monitor.core.state.account_state import AccountState
from monitor.records.events import EventRow
from monitor.records.history import HistoryRow
from monitor.records.interest import InterestSumRow
from monitor.view.documents.account import account_document
from monitor.view.documents.actions import action_document
from monitor.view.documents.events import event_document
from monitor.view.documents.history import history_document
from monitor.view.documents.interest import interest_document
from monitor.view.documents.silences import silence_document
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.alerts import SilenceDocument
from monitor.view.documents.types.history import HistoryDocument
from monitor.view.documents.types.interest import InterestDocument
from monitor.view.terminal.interest import interest_lines
from tests.support.examples.document_types import json_form
from tests.support.examples.documents import NOW, SETTINGS, STATE

EVENT = EventRow(
    7, "main", "isolated", "BTCUSDT", "executionReport", NOW, NOW, "account", "k", '{"e":"x","q":"1"}', None
)


def test_event_carries_the_venues_object_untouched() -> None:
    document = event_document(EVENT)
    assert document["payload"] == {"e": "x", "q": "1"}
    assert document["symbol"] == "BTCUSDT"
    assert document["event_time"] == "2025-10-10T21:15:30.000Z"


@pytest.mark.parametrize("payload", ["not json", "[1]"])
def test_unreadable_payload_is_given_as_text(payload: str) -> None:
    document = event_document(replace(EVENT, payload=payload, type="rejected", rejected="no object"))
    assert document["payload"] == {"text": payload}
    assert document["rejected"] == "no object"


def test_action_document_contains_its_steps() -> None:
    intent = Intent(
        id=5,
        plan=1,
        action="repay-usdt",
        kind="repay",
        mode="live",
        account="main",
        order=Repay(CROSS, "USDT", Decimal("1240.50")),
        state=IntentState.CONFIRMED,
        amount_usdt=Decimal("1240.50"),
        created_at=NOW,
        alert=17,
        level_before=Decimal("1.31"),
        ref="100001",
    )
    document = action_document(intent, [IntentStep(5, None, IntentState.PLANNED, NOW, "planned")])
    assert (document["amount"], document["tran_id"], document["level_after"]) == ("1240.5", "100001", None)
    assert (document["scope"], document["symbol"]) == ("cross", None)
    assert document["steps"] == [{"state": "PLANNED", "at": "2025-10-10T21:15:30.000Z", "note": "planned"}]


def test_action_of_a_pair_names_it() -> None:
    order = Repay(Scope("BTCUSDT"), "USDT", Decimal(1))
    intent = Intent(1, None, "a", "repay", "live", "main", order, IntentState.PLANNED, Decimal(1), NOW)
    document = action_document(intent, [])
    assert (document["scope"], document["symbol"]) == ("isolated", "BTCUSDT")


@pytest.mark.parametrize(("hours", "state"), [(-1, "pending"), (0, "active"), (1, "active"), (2, "expired")])
def test_silence_document_says_whether_it_is_active(hours: int, state: str) -> None:
    silence = Silence(3, (SilenceMatcher("rule", "=", "thin"),), NOW, NOW + timedelta(hours=2), "me", "maintenance")
    document = json_form(silence_document(silence, NOW + timedelta(hours=hours)), SilenceDocument)
    assert document["state"] == state
    assert document["matchers"] == [{"name": "rule", "op": "=", "value": "thin"}]


def test_history_has_null_where_a_value_was_missing() -> None:
    points = (SamplePoint(NOW, Decimal("1.50"), None), SamplePoint(NOW + timedelta(minutes=1), None, "infinite"))
    history = history_document(HistoryRow("margin_level", "main", "cross", "", "raw", points))
    document = json_form(history, HistoryDocument)
    assert document["points"] == [["2025-10-10T21:15:30.000Z", "1.5"], ["2025-10-10T21:16:30.000Z", None]]
    assert (document["subject"], document["unit"]) == (None, "level")


@dataclass(frozen=True)
class _RatesStub:
    """A live document whose debts have known rates: 29,990 USDT at 0.001 % and 9.99 ETH at 0.002 % an hour."""

    usdt: str = "0.00001"
    eth: str = "0.00002"

    def document(self, state: AccountState) -> AccountDocument:
        told = RatesRead({"USDT": Decimal(self.usdt), "ETH": Decimal(self.eth)}, {}, NOW)
        coming = NextRatesRead({"USDT": Decimal("0.00003")}, {}, NOW)
        document = account_document(
            replace(state, interest=replace(state.interest, rates=told, next_rates=coming)), SETTINGS, NOW, "1"
        )
        document["isolated"] = []
        return document


def test_interest_document_sums_projects_and_names_savings() -> None:
    sums = [
        InterestSumRow(date(2025, 10, 10), "ETH", "main", "cross", "", Decimal("0.01"), 24),
        InterestSumRow(date(2025, 10, 10), "USDT", "main", "cross", "", Decimal("7.2"), 24),
        InterestSumRow(date(2025, 10, 10), "XYZ", "main", "cross", "", Decimal("5"), 1),
    ]
    since = datetime(2025, 10, 10, tzinfo=UTC)
    interest = interest_document(sums, [_RatesStub().document(STATE)], since, NOW, "day")
    document = json_form(interest, InterestDocument)
    # 0.01 ETH at 3,000 and 7.2 USDT; XYZ has no price.
    assert [item["interest_usdt"] for item in document["items"]] == ["30", "7.2", None]
    assert document["total_usdt"] == "37.2"
    # 29,990 x 0.00001 x 24 = 7.1976 and 9.99 x 3,000 x 0.00002 x 24 = 14.3856.
    assert document["projected"]["day_usdt"] == "21.5832"
    assert document["projected"]["month_usdt"] == "647.496"
    rates = {rate["asset"]: rate for rate in document["rates"]}
    assert (rates["USDT"]["daily"], rates["USDT"]["annual"]) == ("0.00024", "0.0876")
    assert (rates["USDT"]["next_hourly"], rates["ETH"]["next_hourly"]) == ("0.00003", None)
    # 20,000 USDT are free, of which 10 go to the interest owed: 19,990 x 0.00001 x 24.
    assert document["saving_if_repaid"] == [{"asset": "USDT", "per_day": "4.7976"}]
    assert document["projected"]["without"] == []


def test_debt_without_a_known_rate_is_named() -> None:
    unknown = account_document(STATE, SETTINGS, NOW, "1")
    document = interest_document([], [unknown], NOW - timedelta(days=1), NOW, "asset")
    assert document["rates"] == []
    assert document["projected"]["day_usdt"] == "0"
    assert document["projected"]["without"] == ["ETH", "USDT"]
    (_, note) = interest_lines(document)
    assert "ETH, USDT" in note.text


def test_interest_document_names_the_complete_period() -> None:
    live = _RatesStub().document(STATE)
    early, late = NOW - timedelta(days=9), NOW - timedelta(days=2)
    spans = {("main", ""): ((early, early), (late, NOW))}
    document = interest_document([], [live], NOW - timedelta(days=5), NOW, "asset", spans)
    assert document["recorded"] == {"since": "2025-10-08T21:15:30.000Z", "until": "2025-10-10T21:15:30.000Z"}
    (note,) = [cell for cell in interest_lines(document) if cell.tone == "note"]
    assert "2025-10-08 21:15:30 UTC" in note.text
    assert interest_document([], [live], NOW, NOW, "asset")["recorded"] == {"since": None, "until": None}


def test_interest_of_an_account_never_seen_is_empty() -> None:
    document = interest_document([], [], NOW - timedelta(days=1), NOW, "asset")
    assert (document["items"], document["rates"], document["total_usdt"]) == ([], [], "0")
