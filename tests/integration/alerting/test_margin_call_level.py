"""The exchange's own word on the cross level: a figure with a time, and the worse of it and the read counts."""

from decimal import Decimal

from monitor.config.rules.rule_files import parse_rules
from monitor.core.alerting.stale_data import stale_summary
from monitor.core.metrics.data_quality import find_data_issues
from monitor.core.metrics.snapshot import MetricsSnapshot, measure_subject
from monitor.core.model.account import CROSS, IsolatedSnapshot
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead, ReadFailed, StreamEvent
from monitor.core.model.metric import MissingValue
from monitor.core.model.stream_payloads import MarginNotice, ReportedLevel
from monitor.core.state.account_state import AccountState, ThresholdState
from monitor.core.state.account_update import apply_account_event
from monitor.view.documents.account import account_document
from monitor.view.messages.message import _figure_lines
from tests.core.engine.test_step import EngineRun
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_snapshot,
    new_account_state,
    sample_prices,
)

CALL = parse_rules(
    [{"name": "call", "scope": "cross", "when": "margin_level <= margin_call_level", "severity": "critical"}], "r"
)
NO_PAIRS = IsolatedRead(IsolatedSnapshot(NOW, NOW, {}))


def margin_call_event(level: str, seconds: float, status: str = "MARGIN_CALL", late: float = 0) -> StreamEvent:
    said = MarginNotice(Decimal(level), status)
    return StreamEvent("risk", CROSS, "x", f"{seconds}", after(seconds), after(seconds + late), "{}", said)


def account_after_reads() -> AccountState:
    return apply_events(new_account_state(), PricesRead(sample_prices()), CrossRead(cross_snapshot()), NO_PAIRS)


def level(state: AccountState, seconds: float) -> object:
    return measure_subject(state, SETTINGS, ("cross", ""), after(seconds)).values["margin_level"]


def test_worse_of_margin_call_and_snapshot_counts_until_a_newer_snapshot() -> None:
    state = apply_account_event(account_after_reads(), margin_call_event("1.23", 1), after(1))
    assert level(state, 1) == Decimal("1.23")
    assert (
        level(apply_account_event(account_after_reads(), margin_call_event("1.9", 1), after(1)), 1)
        == cross_snapshot().margin_level
    )
    # A read that was asked before the notice does not undo it, one that was asked after it does.
    assert level(apply_account_event(state, CrossRead(cross_snapshot(after(0.5))), after(2)), 2) == Decimal("1.23")
    assert (
        level(apply_account_event(state, CrossRead(cross_snapshot(after(1.5))), after(2)), 2)
        == cross_snapshot().margin_level
    )


def test_older_margin_call_is_ignored() -> None:
    state = apply_account_event(account_after_reads(), margin_call_event("1.23", 5), after(5))
    assert level(apply_account_event(state, margin_call_event("1.1", 4), after(6)), 6) == Decimal("1.23")
    assert level(apply_account_event(state, margin_call_event("1.2", 6), after(6)), 6) == Decimal("1.2")
    assert (
        apply_account_event(account_after_reads(), margin_call_event("1.2", -1), after(0)).live_balances.notice is None
    )
    assert apply_account_event(account_after_reads(), margin_call_event("0", 1), after(1)).live_balances.notice is None
    # A date ahead of us would count for hours.
    assert apply_account_event(
        account_after_reads(), margin_call_event("1.2", 9999, late=-9998), after(1)
    ).live_balances.notice == ReportedLevel(Decimal("1.2"), "MARGIN_CALL", after(1))


def test_margin_call_is_the_level_while_the_snapshot_is_stale() -> None:
    stale = SETTINGS.stale_after.total_seconds()
    state = apply_account_event(account_after_reads(), margin_call_event("1.23", stale), after(stale))
    figures = measure_subject(state, SETTINGS, ("cross", ""), after(stale + 1))
    assert (figures.state, figures.values["margin_level"]) == ("stale", Decimal("1.23"))
    assert figures.values["margin_call_level"] == Decimal("1.3")
    assert figures.values["assets_usdt"] is MissingValue.UNAVAILABLE
    assert level(state, 2 * stale + 1) is MissingValue.UNAVAILABLE


def test_margin_call_fires_on_an_account_never_read() -> None:
    story = EngineRun(rules=CALL, state=new_account_state(thresholds=ThresholdState()))
    story.step(ReadFailed("reference_data", CROSS, NOW, "503"))
    done = story.step(margin_call_event("1.23", 1), 1)
    (alert,) = done.entry.alerts
    assert (alert.key.rule, alert.summary) == ("call", "margin level 1.23")
    assert done.requested_reads == {"cross"}


def test_margin_call_is_quoted_in_alert_and_stale_data_texts() -> None:
    state = apply_account_event(account_after_reads(), margin_call_event("1.23", 1), after(1))
    figures = measure_subject(state, SETTINGS, ("cross", ""), after(2))
    unread = apply_account_event(new_account_state(), margin_call_event("1.23", 1), after(1))
    for text in (
        _figure_lines(figures, after(2))[0],
        stale_summary(MetricsSnapshot(state, SETTINGS, after(20)), Decimal(20)).rpartition("; ")[2],
        stale_summary(MetricsSnapshot(unread, SETTINGS, after(20)), Decimal(20)).rpartition("; ")[2],
    ):
        assert "1.23" in text
        assert "20:00:01" in text


def test_status_document_contains_the_margin_call() -> None:
    state = apply_account_event(account_after_reads(), margin_call_event("1.23", 1), after(1))
    document = account_document(state, SETTINGS, after(2), "0")["cross"]
    assert document["margin_level"] == "1.23"
    assert document["notice"] == {"level": "1.23", "status": "MARGIN_CALL", "at": "2025-10-10T20:00:01.000Z"}
    figures = measure_subject(state, SETTINGS, ("cross", ""), after(2))
    assert [gap.kind for gap in find_data_issues(state, SETTINGS, CROSS, figures, after(2))][:1] == ["notice"]
    assert account_document(account_after_reads(), SETTINGS, after(2), "0")["cross"]["notice"] is None


def test_five_minute_change_stays_that_of_prices_beside_a_margin_call() -> None:
    prices = [PricesRead(sample_prices(after(second))) for second in range(-310, 1, 5)]
    state = new_account_state()
    for event, second in zip(prices, range(-310, 1, 5), strict=True):
        state = apply_account_event(state, event, after(second))
    state = apply_events(state, CrossRead(cross_snapshot()), NO_PAIRS)
    state = apply_account_event(state, margin_call_event("1.23", 1), after(1))
    figures = measure_subject(state, SETTINGS, ("cross", ""), after(1))
    assert figures.values["margin_level"] == Decimal("1.23")
    assert figures.values["margin_level_change_5m"] == 0
