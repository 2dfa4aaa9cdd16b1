"""What people are told: the title to the letter, the first line with what, how bad and how far."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.metrics.cross import measure_cross, measure_pair
from monitor.core.model.account import Thresholds
from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason
from monitor.core.model.stream_payloads import ReportedLevel
from monitor.view.messages.message import DrillProgress, alert_message, drill_message, minimal_message, notice_message
from tests.support.examples.documents import ALERT, NOW, SETTINGS, STATE, WITHOUT_DEBT

PAIR_ALERT = replace(
    ALERT,
    id=18,
    key=AlertKey("below-initial", "main", "isolated", "BTCUSDT"),
    severity="warning",
    summary="margin level 1.38",
)


@pytest.mark.parametrize(
    ("alert", "reason", "title"),
    [
        (ALERT, NotificationReason.FIRED, "[FIRING] critical main cross: margin level 1.21 (#17)"),
        (ALERT, NotificationReason.REMINDED, "[REMINDER] critical main cross: margin level 1.21 (#17)"),
        (ALERT, NotificationReason.ESCALATED, "[ESCALATED] critical main cross: margin level 1.21 (#17)"),
        (PAIR_ALERT, NotificationReason.RESOLVED, "[RESOLVED] warning main BTCUSDT: margin level 1.38 (#18)"),
        (replace(ALERT, summary=""), NotificationReason.FIRED, "[FIRING] critical main cross: margin-call (#17)"),
        (
            replace(ALERT, key=AlertKey("depeg", "main", "asset", "USDC"), summary="peg deviation -2.4 %"),
            NotificationReason.FIRED,
            "[FIRING] critical main USDC: peg deviation -2.4 % (#17)",
        ),
        (
            replace(ALERT, key=AlertKey("blind", "main", "monitor"), summary="data age 3m 20s"),
            NotificationReason.FIRED,
            "[FIRING] critical main monitor: data age 3m 20s (#17)",
        ),
    ],
)
def test_title(alert: Alert, reason: NotificationReason, title: str) -> None:
    assert alert_message(alert, reason, None, NOW).title == title


def test_first_line_names_scope_level_and_distance() -> None:
    state = replace(
        STATE, thresholds=replace(STATE.thresholds, cross=Thresholds(Decimal("2.1"), Decimal("1.9"), Decimal("1.1")))
    )
    text = alert_message(ALERT, NotificationReason.FIRED, measure_cross(state, SETTINGS, NOW), NOW).text
    assert text.splitlines()[0] == (
        "main cross is at margin level 1.8333, at or below the margin call at 1.90; "
        "a fall of 77.1 % of all that is not stable liquidates it."
    )
    assert "Bars: initial 2.10, margin call 1.90, liquidation 1.10" in text
    assert "Assets 110,000.00 USDT, liabilities 60,000.00 USDT, equity 50,000.00 USDT" in text
    assert "Owed: 10 ETH, 30,000 USDT" in text
    assert "Figures of 2025-10-10 21:15:00 UTC (30s old, " in text


def test_margin_call_of_the_exchange_is_quoted_with_its_time() -> None:
    call = ReportedLevel(Decimal("1.21"), "MARGIN_CALL", NOW)
    state = replace(STATE, live_balances=replace(STATE.live_balances, notice=call))
    text = alert_message(ALERT, NotificationReason.FIRED, measure_cross(state, SETTINGS, NOW), NOW).text
    assert "After the last read the exchange said 1.21 MARGIN_CALL at 21:15:30 UTC" in text.splitlines()


def test_isolated_first_line_names_the_liquidation_price() -> None:
    state = replace(STATE, prices=replace(STATE.prices, newest={}))
    text = alert_message(PAIR_ALERT, NotificationReason.FIRED, measure_pair(state, SETTINGS, "BTCUSDT", NOW), NOW).text
    assert text.splitlines()[0] == (
        "main BTCUSDT is at margin level 1.2500, at or above the initial level 1.25; "
        "a move of 8.0 % to 46,000.00 liquidates it."
    )


def test_full_repayment_is_worded_as_without_debt() -> None:
    figures = measure_cross(WITHOUT_DEBT, replace(SETTINGS, account="spare"), NOW)
    text = alert_message(ALERT, NotificationReason.RESOLVED, figures, NOW).text
    assert text.startswith("Over: main cross is without debt; no move of prices can liquidate it.")


def test_stale_figures_are_marked() -> None:
    later = NOW + timedelta(minutes=10)
    text = alert_message(ALERT, NotificationReason.REMINDED, measure_cross(STATE, SETTINGS, later), later).text
    assert "(10m 30s old, STALE)" in text


@pytest.mark.parametrize(
    ("severity", "reason", "kind"),
    [
        ("info", NotificationReason.FIRED, "info"),
        ("warning", NotificationReason.REMINDED, "warning"),
        ("critical", NotificationReason.ESCALATED, "failure"),
        ("critical", NotificationReason.RESOLVED, "success"),
    ],
)
def test_kind_follows_severity_and_resolution(severity: str, reason: NotificationReason, kind: str) -> None:
    alert = replace(ALERT, severity=severity)  # type: ignore[arg-type]  # parametrised literal
    assert alert_message(alert, reason, None, NOW).kind == kind


def test_drill_message_is_marked_as_drill() -> None:
    message = alert_message(ALERT, NotificationReason.FIRED, None, NOW, drill=DrillProgress(3, 2, 5))
    assert message.title == "[DRILL] critical main cross: margin level 1.21 (drill 3)"
    assert message.text.startswith("This is a drill, message 2 of 5: margin-call fires. ")
    assert (message.document["reason"], message.document["stage"], message.document["drill"]) == ("drill", "fired", 3)
    assert drill_message("critical", message.document) == message


def test_end_of_a_drill_is_worded_as_resolved() -> None:
    message = alert_message(ALERT, NotificationReason.RESOLVED, None, NOW, drill=DrillProgress(3, 5, 5))
    assert drill_message("critical", message.document).kind == message.kind == "success"
    assert "message 5 of 5: margin-call is over. " in message.text


def test_unrecorded_late_and_recovery_lines_are_included() -> None:
    text = alert_message(
        ALERT,
        NotificationReason.FIRED,
        None,
        NOW,
        at=NOW - timedelta(hours=3),
        restore=["repay 1,240 USDT"],
        recorded=False,
    ).text
    assert "To be safe again: repay 1,240 USDT" in text
    assert "Delayed: this was due 3h ago" in text
    assert "Not recorded:" in text


def test_clear_condition_is_shown_while_firing() -> None:
    fires = "Rule margin-call: margin_level <= margin_call_level, until margin_level > margin_call_level * 1.02; since "
    assert fires in alert_message(ALERT, NotificationReason.FIRED, None, NOW).text
    over = replace(ALERT, state=AlertState.RESOLVED, resolved_at=NOW)
    plain = "Rule margin-call: margin_level <= margin_call_level; since "
    assert plain in alert_message(over, NotificationReason.RESOLVED, None, NOW).text
    without_clear = replace(ALERT, clear="not (margin_level <= margin_call_level)")
    assert plain in alert_message(without_clear, NotificationReason.FIRED, None, NOW).text


def test_gone_alert_is_worded_as_gone() -> None:
    alert = replace(ALERT, gone=True, state=AlertState.RESOLVED, resolved_at=NOW)
    message = alert_message(alert, NotificationReason.RESOLVED, None, NOW)
    assert message.title == "[RESOLVED] critical main cross: gone, no longer watched (#17)"


def test_webhook_object_is_the_alert_with_reason_title_and_text() -> None:
    message = alert_message(ALERT, NotificationReason.ESCALATED, None, NOW)
    assert message.document["id"] == 17
    assert message.document["when"] == "margin_level <= margin_call_level"
    assert message.document["reason"] == "escalated"
    assert message.document["title"] == message.title
    assert message.document["text"] == message.text


def test_notice_repeats_its_first_line_in_the_title() -> None:
    message = notice_message("critical", "main: intent 5 was executed after it had been given up\nSee actions show 5.")
    assert message.title == "[NOTICE] critical main: intent 5 was executed after it had been given up"
    assert message.text.endswith("See actions show 5.")
    assert message.kind == "failure"


def test_message_carries_the_address_of_its_page() -> None:
    message = alert_message(ALERT, NotificationReason.FIRED, None, NOW, public_url="https://mon.example")
    page = f"https://mon.example/alerts/{ALERT.id}"
    assert message.text.splitlines()[-1] == page
    assert message.document["url"] == page
    bare = minimal_message(ALERT, NotificationReason.FIRED, "critical", "https://mon.example")
    assert (bare.text.splitlines()[-1], bare.document["url"]) == (page, page)


def test_message_without_a_public_url_has_no_address() -> None:
    message = alert_message(ALERT, NotificationReason.FIRED, None, NOW)
    assert message.document["url"] is None
    assert "https://" not in message.text


def test_drill_has_no_page() -> None:
    message = alert_message(
        ALERT, NotificationReason.FIRED, None, NOW, drill=DrillProgress(3, 2, 5), public_url="https://mon.example"
    )
    assert message.document["url"] is None
