"""Notices about intents: the states that have one, its severity and its text."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import CancelOrders, ExchangeRecord, Reduce, Refused, Repay, Transfer
from monitor.core.settlement.notices import intent_notices
from monitor.core.settlement.transitions import apply_outcome, mark_executed_late, settle_by_person

NOW = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)
INTENT = Intent(
    id=17,
    plan=1,
    action="repay-idle",
    kind="repay",
    mode="live",
    account="main",
    order=Repay(CROSS, "USDT", Decimal("500.50000000")),
    state=IntentState.PLANNED,
    amount_usdt=Decimal("500.5"),
    created_at=NOW,
)
SALE = Reduce(CROSS, "USDT", Decimal(6000), "BTCUSDT", "SELL", Decimal("0.1"), Decimal(59_400), "BTC")


@pytest.mark.parametrize(
    ("state", "severity", "words"),
    [
        (IntentState.PROPOSED, "critical", "actions approve 17"),
        (IntentState.SIMULATED, "info", "nothing was sent"),
        (IntentState.CONFIRMED, "info", "done"),
        (IntentState.REFUSED, "warning", "refused"),
        (IntentState.UNCERTAIN, "warning", "not sent again"),
        (IntentState.FAILED, "warning", "not carried out"),
        (IntentState.UNRESOLVED, "critical", "actions resolve 17"),
        (IntentState.EXPIRED, "warning", "nothing was sent"),
    ],
)
def test_notice_text_and_severity_follow_the_intent_state(state: IntentState, severity: str, words: str) -> None:
    (notice,) = intent_notices([replace(INTENT, state=state, mode="approve")], ("phone", "mail"), NOW)
    assert notice.severity == severity
    assert words in notice.text
    assert notice.text.startswith("main cross: repay 500.5 USDT (repay-idle, R-17)")
    assert notice.channels == ("phone", "mail")


@pytest.mark.parametrize("state", [IntentState.PLANNED, IntentState.SUBMITTING, IntentState.ACKNOWLEDGED])
def test_intermediate_states_give_no_notice(state: IntentState) -> None:
    assert intent_notices([replace(INTENT, state=state)], ("phone",), NOW) == ()


def test_expired_intent_gives_a_notice_only_in_approve_mode() -> None:
    expired = replace(INTENT, state=IntentState.EXPIRED)
    assert intent_notices([expired], ("phone",), NOW) == ()
    assert len(intent_notices([replace(expired, mode="approve")], ("phone",), NOW)) == 1


def test_intent_stopped_by_a_limit_before_sending_gives_a_notice() -> None:
    stopped = replace(INTENT, state=IntentState.EXPIRED, evidence="max_per_day is used up; raise it")
    stopped = replace(stopped, stopped_by_limit=True)
    (notice,) = intent_notices([stopped], ("phone",), NOW)
    assert notice.severity == "warning"
    assert notice.text.endswith(": nothing was sent: max_per_day is used up; raise it")


def text_of(state: IntentState, **changes: object) -> str:
    (notice,) = intent_notices([replace(INTENT, state=state, **changes)], ("phone",), NOW)  # type: ignore[arg-type]  # fields by name
    return f"{notice.severity} {notice.text}"


def test_refusal_quotes_the_exchange() -> None:
    refused = apply_outcome(INTENT, Refused(-3041, "Balance is not enough"), NOW).intent
    text = text_of(refused.state, evidence=refused.evidence, reason="repay part of the USDT owed")
    assert text.startswith("warning ")
    assert "the exchange refused it (-3041: Balance is not enough)" in text


def test_transient_refusal_is_info_only() -> None:
    refused = apply_outcome(INTENT, Refused(-3007, "pending", transient=True), NOW).intent
    text = text_of(refused.state, evidence=refused.evidence, refused_transiently=True)
    assert text.startswith("info ")
    assert "may be tried again" in text


def test_execution_after_failed_is_critical() -> None:
    trace = ExchangeRecord("4711", "USDT", INTENT.amount, "CONFIRMED", NOW)
    late = mark_executed_late(replace(INTENT, state=IntentState.FAILED, evidence="no record"), trace)
    text = text_of(late.state, evidence=late.evidence, executed_late=late.executed_late)
    assert text.startswith("critical ")
    assert "executed late: record 4711 of 21:00:00" in text


@pytest.mark.parametrize(
    ("outcome", "severity", "words"),
    [
        (IntentState.CONFIRMED, "info", "counts as done (resolved by ann: seen)"),
        (IntentState.FAILED, "warning", "was not carried out (resolved by ann: seen); it is not sent again"),
    ],
)
def test_resolution_by_a_person_names_the_person(
    outcome: Literal[IntentState.CONFIRMED, IntentState.FAILED], severity: str, words: str
) -> None:
    asked = replace(INTENT, state=IntentState.UNRESOLVED, level_before=Decimal("1.3"), level_after=Decimal("1.35"))
    (notice,) = intent_notices([settle_by_person(asked, outcome, "ann", "seen", NOW).intent], ("phone",), NOW)
    assert notice.severity == severity
    assert words in notice.text


def test_notice_names_the_level_before_and_after() -> None:
    levels = {"level_before": Decimal("1.3951"), "level_after": Decimal("1.4713")}
    assert "the level was 1.39, is now 1.47" in text_of(IntentState.CONFIRMED, **levels)
    assert text_of(IntentState.CONFIRMED, level_before=Decimal("1.3951")).endswith("the level was 1.39")
    assert "would become 1.47" in text_of(IntentState.PROPOSED, **levels)


@pytest.mark.parametrize(
    ("order", "changes", "words"),
    [
        (Transfer("spot", CROSS, "USDT", Decimal(5)), {"purpose": "repay"}, "bring in 5 USDT from spot to repay with"),
        (Transfer("funding", CROSS, "BTC", Decimal(5)), {"purpose": "collateral"}, "from funding as collateral"),
        (
            Transfer("spot", CROSS, "USDT", Decimal(5)),
            {"purpose": "repay", "destination": Scope("BTCUSDT")},
            "main BTCUSDT: bring in 5 USDT from spot over cross to repay with",
        ),
    ],
)
def test_transfer_notice_names_its_purpose(order: Transfer, changes: dict[str, object], words: str) -> None:
    assert words in text_of(IntentState.PROPOSED, order=order, **changes)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (SALE, "main cross: sell 0.1 BTC for the USDT owed, at 59400 or better"),
        (
            replace(SALE, side="BUY", asset="ETH", sell_asset="USDT", symbol="ETHUSDT", quantity=Decimal(2)),
            "main cross: buy 2 of the ETH owed with USDT, at 59400 or better",
        ),
        (CancelOrders(CROSS, "BTCUSDT", "BTC"), "main cross: cancel the orders on BTCUSDT, which lock BTC"),
    ],
)
def test_market_order_notice_names_the_trade(order: Reduce | CancelOrders, words: str) -> None:
    assert words in text_of(IntentState.PROPOSED, order=order)


def test_confirmed_trade_notice_names_its_proceeds() -> None:
    assert "main cross: BTC traded for 6000 USDT owed" in text_of(IntentState.CONFIRMED, order=SALE)


def test_no_channels_means_no_notices() -> None:
    assert intent_notices([replace(INTENT, state=IntentState.CONFIRMED)], (), NOW) == ()
