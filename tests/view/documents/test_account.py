"""The JSON documents say what product and examples say, to the last digit."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monitor.core.model.alert import AlertState
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.core.state.account_state import AccountState
from monitor.view.documents.account import account_document
from monitor.view.documents.alerts import alert_document
from monitor.view.documents.status import DaemonStatus, oldest_age_s, status_document, update_ages
from monitor.view.documents.stress import StableAssets
from monitor.view.documents.types.account import AccountDocument, StreamDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.scopes import CrossDocument, IsolatedDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.terminal.scopes_table import scopes_table
from monitor.view.terminal.status_screen import (
    data_issue_cells,
    debts_table,
    headlines,
    interest_cells,
    recovery_cells,
    status_lines,
    transfer_out_cells,
)
from tests.support.examples.document_types import json_form
from tests.support.examples.documents import ALERT, NOW, PAIR, SETTINGS, STATE, WITHOUT_DEBT


def test_cross_figures_equal_the_worked_example() -> None:
    cross = _document(STATE)["cross"]
    assert cross["state"] == "ok"
    assert cross["as_of"] == "2025-10-10T21:15:00.000Z"
    assert cross["age_s"] == 30
    assert (cross["source"], cross["live_as_of"], cross["live_age_s"]) == ("live", "2025-10-10T21:15:29.000Z", 1)
    assert cross["margin_level"].startswith("1.8333333")
    assert (cross["initial_level"], cross["margin_call_level"], cross["liquidation_level"]) == ("1.5", "1.3", "1.1")
    assert (cross["assets_usdt"], cross["liabilities_usdt"], cross["equity_usdt"]) == ("110000", "60000", "50000")
    assert cross["interest_usdt"] == "40"
    assert cross["drop_to_liquidation"].startswith("0.771929824561")
    assert cross["collateral_margin_level"] == "1.7583"


def test_rows_carry_value_and_the_side_of_the_danger() -> None:
    rows = {row["asset"]: row for row in _document(STATE)["cross"]["balances"]}
    assert rows["BTC"]["free"] == "1.4"
    assert rows["BTC"]["locked"] == "0.1"
    assert rows["BTC"]["value_usdt"] == "90000"
    assert rows["BTC"]["danger"] == "below"
    # 30,666.666…: a fall to it liquidates, so it is told no lower than it is.
    assert rows["BTC"]["liquidation_price"] == "30666.66666667"
    assert rows["ETH"]["danger"] == "above"
    assert rows["ETH"]["liquidation_price"] == "7000"
    assert rows["ETH"]["net"] == "-10"
    assert rows["USDT"]["price_usdt"] == "1"


def test_row_values_add_up_to_the_equity() -> None:
    cross = _document(STATE)["cross"]
    assert sum(Decimal(row["value_usdt"]) for row in cross["balances"]) == Decimal(cross["equity_usdt"])


def test_isolated_pair_carries_bars_prices_and_sides() -> None:
    (pair,) = _document(STATE)["isolated"]
    assert pair["symbol"] == "BTCUSDT"
    assert pair["status"] == "NORMAL"
    assert (pair["initial_level"], pair["margin_call_level"], pair["liquidation_level"]) == ("1.25", "1.19", "1.15")
    assert pair["polled_margin_level"] == "1.25"
    assert pair["liquidation_price"] == "46000"
    assert pair["danger"] == "below"
    assert pair["base"]["free"] == "1"
    assert pair["quote"]["borrowed"] == "40000"


def test_nothing_owed_is_null_with_state_no_debt() -> None:
    cross = _document(WITHOUT_DEBT)["cross"]
    assert cross["state"] == "no_debt"
    assert cross["margin_level"] is None
    assert cross["distance_to_liquidation"] is None


def test_never_seen_account_is_unknown() -> None:
    document = _document(AccountState("main", NOW))
    assert document["state"] == "unknown"
    assert document["cross"]["state"] == "unavailable"
    assert document["cross"]["as_of"] is None


def test_refused_key_is_shown_first() -> None:
    assert _document(replace(STATE, keys=replace(STATE.keys, is_accepted=False)))["state"] == "key_refused"


def test_configured_pair_that_does_not_exist_is_not_created() -> None:
    settings = replace(SETTINGS, isolated=("BTCUSDT",))
    isolated = replace(STATE.isolated, pairs={"BTCUSDT": replace(PAIR, created=False)}) if STATE.isolated else None
    (pair,) = account_document(replace(STATE, isolated=isolated), settings, NOW, "1")["isolated"]
    assert pair["state"] == "not_created"


def test_counts_say_how_bad_the_worst_alert_is() -> None:
    pending = replace(ALERT, id=18, key=ALERT.key._replace(rule="other"), state=AlertState.PENDING)
    document = _document(replace(STATE, alerts={ALERT.key: ALERT, pending.key: pending}))
    assert (document["alerts_firing"], document["worst_alert"]) == (1, "critical")


def test_reader_updates_the_age_and_marks_old_figures_stale() -> None:
    later = NOW + timedelta(minutes=10)
    status = status_document(["main"], {"main": _document(STATE)}, DaemonStatus(), later, "1")
    (account,) = json_form(status, StatusDocument)["accounts"]
    assert account["state"] == "stale"
    assert account["cross"]["state"] == "stale"
    assert account["cross"]["age_s"] == 630
    assert account["cross"]["live_age_s"] == 601
    assert account["cross"]["margin_level"].startswith("1.8333")
    assert account["streams"][0]["connected"] is False
    assert account["streams"][0]["silence_s"] == 602
    assert oldest_age_s(account) == 630


def test_reader_leaves_the_stored_document_as_it_was() -> None:
    stored = _document(STATE)
    update_ages(stored, NOW + timedelta(days=1), running=False)
    assert stored == _document(STATE)


def test_document_of_an_older_program_is_read_without_the_newer_fields() -> None:
    document = _document(STATE)
    parts: list[tuple[Any, Any]] = [
        (document, AccountDocument),
        (document["cross"], CrossDocument),
        *((pair, IsolatedDocument) for pair in document["isolated"]),
        *((stream, StreamDocument) for stream in document["streams"]),
    ]
    for part, type_ in parts:
        for field in type_.__optional_keys__ - {"cross"}:
            part.pop(field, None)
    status = json_form(status_document(["main"], {"main": document}, DaemonStatus(), NOW, "1"), StatusDocument)
    (account,) = status["accounts"]
    assert (account["state"], account["cross"]["state"]) == ("stale", "stale")
    stables = StableAssets(SETTINGS.stable_assets, {})
    accounts = status["accounts"]
    assert headlines(status) and not status_lines(status)
    assert scopes_table(accounts, stables).rows and debts_table(accounts, NOW).rows
    assert not [*data_issue_cells(accounts), *interest_cells(accounts), *transfer_out_cells(accounts)]
    assert recovery_cells(accounts, NOW) == []


def test_account_without_record_is_unknown_to_a_reader() -> None:
    status = status_document(["main", "new"], {"main": _document(STATE)}, DaemonStatus(), NOW, "1")
    document = json_form(status, StatusDocument)
    assert [(a["account"], a["state"]) for a in document["accounts"]] == [("main", "ok"), ("new", "unknown")]
    assert oldest_age_s(document["accounts"][1]) is None


def test_stopped_daemon_has_no_pid() -> None:
    assert status_document([], {}, DaemonStatus(False, 12, NOW, paused=True), NOW, "1")["daemon"] == {
        "running": False,
        "host": None,
        "pid": None,
        "since": None,
        "paused": True,
    }


def test_alert_has_all_its_labels_and_deliveries() -> None:
    delivery = Delivery(1, "phone", 17, "notice", "critical", NOW, NOW, DeliveryState.SENT, 2, NOW, "HTTP 204")
    alert = replace(ALERT, acked_by="me", acked_at=NOW, ack_comment="on it")
    document = json_form(alert_document(alert, [delivery]), AlertDocument)
    assert document["labels"] == {
        "rule": "margin-call",
        "account": "main",
        "scope": "cross",
        "severity": "critical",
        "team": "me",
    }
    assert document["value"] == "1.2149"
    assert document["acked"] == {"by": "me", "at": "2025-10-10T21:15:30.000Z", "comment": "on it"}
    assert document["deliveries"][0]["answer"] == "HTTP 204"


def test_infinite_value_of_an_alert_is_null() -> None:
    assert alert_document(replace(ALERT, value=Decimal("Infinity")))["value"] is None


def _document(state: AccountState) -> Any:
    settings = replace(SETTINGS, account=state.account)
    return json_form(account_document(state, settings, NOW, "1"), AccountDocument)
