"""Record coverage: the gap at a start, the reads that close it, and the movements in it that count."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from monitor.core.actions.limit_usage import LimitUsage, with_gap_movements
from monitor.core.actions.spec import ActionSpec
from monitor.core.engine.activity_records import collect_activity
from monitor.core.model.account import CROSS, Price
from monitor.core.model.events import ReadFailed
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import Notice
from monitor.core.model.ledger import MarginTransfer
from monitor.core.model.order import ExchangeRecord, Reduce, Repay
from monitor.core.model.reads import GapHistoryRead
from monitor.core.numbers.durations import DAY
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.record_coverage import (
    RecordCoverage,
    apply_history,
    count_failure,
    price_movements,
    reopen_gap,
    start_coverage,
)
from tests.support.examples.accounts import new_account_state
from tests.support.examples.actions import NOW, intent, seconds

D = Decimal
AT = NOW - seconds(3600)
ROW = ExchangeRecord("77", "USDT", D(500), "CONFIRMED", AT)
RECORD_READ = GapHistoryRead(NOW - DAY, NOW, ((CROSS, (ROW,)),))
REPAY_INTENT = intent(3, IntentState.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=AT, ref="77")
SPEC = ActionSpec("a", "repay", mode="live", asset="USDT", max_amount=D(500), max_per_day=D(500))


@pytest.mark.parametrize(
    ("known_until", "since"),
    [
        (None, NOW - DAY),
        (NOW - seconds(10), NOW - seconds(15)),
        (NOW - timedelta(days=3), NOW - DAY),
        (NOW + seconds(5), NOW - seconds(5)),
        (NOW + seconds(3600), NOW - DAY),
    ],
)
def test_start_opens_a_gap_of_at_most_a_day(known_until: datetime | None, since: datetime) -> None:
    assert start_coverage(known_until, (), NOW).gap_since == since


def test_read_closes_the_gap_and_keeps_unrecorded_movements() -> None:
    record = apply_history(start_coverage(None, (), NOW), RECORD_READ, (), NOW)
    assert record.gap_since is None
    assert [(movement.kind, movement.amount, movement.at) for movement in record.gap_movements] == [
        ("repay", D(500), AT)
    ]
    assert apply_history(record, RECORD_READ, (), NOW) == record
    assert apply_history(record, RECORD_READ, (), AT + DAY).gap_movements == ()


def test_equal_movements_count_twice_and_a_repeated_read_once() -> None:
    both = replace(RECORD_READ, repayments=((CROSS, (ROW, replace(ROW, ref="78"))),))
    record = apply_history(start_coverage(None, (), NOW), both, (), NOW)
    assert [movement.amount for movement in record.gap_movements] == [D(500), D(500)]
    assert apply_history(record, both, (), NOW) == record
    assert apply_history(record, RECORD_READ, (), NOW) == record
    assert (
        start_coverage(None, (*record.gap_movements, *record.gap_movements), NOW).gap_movements == record.gap_movements
    )
    assert (
        collect_activity(replace(new_account_state(), record_coverage=record), both, ("phone",), NOW).gap_movements
        == ()
    )
    told = collect_activity(
        replace(
            new_account_state(), record_coverage=apply_history(start_coverage(None, (), NOW), RECORD_READ, (), NOW)
        ),
        both,
        ("phone",),
        NOW,
    )
    assert [movement.key for movement in told.gap_movements] == ["capital-flow cross 78"]


def test_transfer_completed_by_a_second_read_counts_once() -> None:
    moved = MarginTransfer(CROSS, 5, AT, "USDT", D(9), True, "SPOT", "CONFIRMED", was_requested=None)
    record = start_coverage(None, (), NOW)
    for one in (moved, replace(moved, was_requested=True)):
        record = apply_history(record, GapHistoryRead(NOW - DAY, NOW, transfers=(one,)), (), NOW)
    assert [(movement.kind, movement.amount) for movement in record.gap_movements] == [("transfer_in", D(9))]


def test_transfer_without_a_known_request_counts() -> None:
    moved = MarginTransfer(CROSS, 5, AT, "USDT", D(9), True, "SPOT", "CONFIRMED", was_requested=False)
    read = GapHistoryRead(NOW - DAY, NOW, transfers=(moved,))
    found = apply_history(start_coverage(None, (), NOW), read, (), NOW).gap_movements
    assert [(movement.kind, movement.amount) for movement in found] == [("transfer_in", D(9))]


def test_movement_found_by_an_older_version_is_not_counted_again() -> None:
    numbered = apply_history(start_coverage(None, (), NOW), RECORD_READ, (), NOW).gap_movements
    older = tuple(replace(one, key="") for one in numbered)
    assert start_coverage(None, older, NOW).gap_movements == older
    assert apply_history(start_coverage(None, older, NOW), RECORD_READ, (), NOW).gap_movements == numbered
    assert start_coverage(None, (*older, *numbered), NOW).gap_movements == numbered


def test_movement_of_a_known_intent_is_not_counted_as_unrecorded() -> None:
    assert apply_history(start_coverage(None, (), NOW), RECORD_READ, (REPAY_INTENT,), NOW).gap_movements == ()


def test_equal_movement_after_a_known_one_counts_as_unrecorded() -> None:
    again = replace(ROW, ref="78", at=AT + seconds(40))
    read = replace(RECORD_READ, repayments=((CROSS, (ROW, again)),))
    for known in (REPAY_INTENT, replace(REPAY_INTENT, ref=None)):
        found = apply_history(start_coverage(None, (), NOW), read, (known,), NOW).gap_movements
        assert [one.key for one in found] == ["capital-flow cross 78"]


def test_sale_of_before_the_gap_explains_no_repayment_within_it() -> None:
    order = Reduce(CROSS, "USDT", D(500), "BTCUSDT", "SELL", D("0.01"), D(50_000), "BTC")
    sale = intent(3, IntentState.CONFIRMED, order, submitted_at=AT, settled_at=AT + seconds(2), ref="900")
    own = replace(ROW, is_automatic=True, amount=D("499.5"), at=AT + seconds(1))
    lost = replace(own, ref="78", amount=D("498.2"), at=AT + seconds(20))
    before = replace(ROW, ref="76", amount=D(7), at=AT + seconds(5))
    for rows, since in (((own, before, lost), AT + seconds(11)), ((own, lost), NOW - DAY)):
        read = replace(RECORD_READ, since=since, repayments=((CROSS, rows),))
        found = apply_history(start_coverage(since, (), NOW), read, (sale,), NOW).gap_movements
        assert [one.key for one in found] == ["capital-flow cross 78"]


def test_sale_without_a_known_result_explains_no_more_than_it_can_have_brought() -> None:
    order = Reduce(CROSS, "USDT", D(500), "BTCUSDT", "SELL", D("0.01"), D(49_000), "BTC")
    own = replace(ROW, is_automatic=True, amount=D(509), at=AT + seconds(1))
    lost = replace(own, ref="78", amount=D(498), at=AT + seconds(20))
    read = replace(RECORD_READ, repayments=((CROSS, (own, lost)),))
    for sale in (
        intent(3, IntentState.ACKNOWLEDGED, order, submitted_at=AT),
        intent(3, IntentState.UNCERTAIN, order, submitted_at=AT),
        intent(3, IntentState.CONFIRMED, order, submitted_at=AT, settled_at=NOW, resolved_by="a person"),
    ):
        found = apply_history(start_coverage(None, (), NOW), read, (sale,), NOW).gap_movements
        assert [one.key for one in found] == ["capital-flow cross 78"]


@pytest.mark.parametrize("row", [replace(ROW, status="FAILED"), replace(ROW, is_automatic=True)])
def test_failed_repayment_is_ignored_and_automatic_repayment_counts_as_reduce(row: ExchangeRecord) -> None:
    found = apply_history(
        start_coverage(None, (), NOW), replace(RECORD_READ, repayments=((CROSS, (row,)),)), (), NOW
    ).gap_movements
    assert [one.kind for one in found] == (["reduce"] if row.is_automatic else [])


def test_read_that_starts_too_late_leaves_the_gap_open() -> None:
    record = start_coverage(None, (), NOW)
    assert apply_history(record, replace(RECORD_READ, since=NOW - seconds(60)), (), NOW).gap_since == record.gap_since


def test_reopened_gap_never_shrinks() -> None:
    once = reopen_gap(RecordCoverage(), NOW - seconds(60), NOW)
    assert once.gap_since == NOW - seconds(65)
    assert reopen_gap(once, NOW - seconds(10), NOW).gap_since == NOW - seconds(65)
    assert reopen_gap(once, NOW - timedelta(days=9), NOW).gap_since == NOW - DAY


def test_repeated_read_failure_becomes_an_objection() -> None:
    record = start_coverage(None, (), NOW)
    for _ in range(3):
        assert not record.is_failing
        assert "is being read" in str(record.objection)
        record = count_failure(record, "code -3003")
    assert record.is_failing
    assert "can't be read from the exchange (code -3003)" in str(record.objection)
    assert RecordCoverage().objection is None
    assert not count_failure(count_failure(count_failure(RecordCoverage(), "late"), "late"), "late").is_failing


def test_gap_opened_during_a_read_stays_open() -> None:
    once = reopen_gap(RecordCoverage(), NOW, NOW + seconds(60))
    read = replace(RECORD_READ, until=NOW + seconds(59))
    assert apply_history(once, read, (), NOW + seconds(61)).gap_since == once.gap_since
    assert apply_history(once, replace(RECORD_READ, until=NOW + seconds(60)), (), NOW + seconds(61)).gap_since is None
    longer = reopen_gap(start_coverage(None, (), NOW), NOW, NOW + seconds(60))
    assert apply_history(longer, read, (), NOW + seconds(61)).gap_since == NOW - DAY
    # The clock was an hour ahead when the gap was opened.
    assert apply_history(start_coverage(None, (), NOW + seconds(3600)), RECORD_READ, (), NOW).gap_since is None


@pytest.mark.parametrize(
    ("record", "known_until"),
    [
        (start_coverage(None, (), NOW), NOW),
        (start_coverage(NOW - timedelta(hours=30), (), NOW - seconds(60)), None),
        (reopen_gap(RecordCoverage(), NOW - seconds(1), NOW + seconds(1)), None),
        (RecordCoverage(), None),
    ],
)
def test_record_is_complete_only_after_a_read_that_closes_the_gap(
    record: RecordCoverage, known_until: datetime | None
) -> None:
    state = replace(new_account_state(), record_coverage=record)
    assert collect_activity(state, RECORD_READ, ("phone",), NOW + seconds(2)).known_until == known_until


def test_abandoned_second_read_is_reported_once() -> None:
    state = replace(
        new_account_state(), record_coverage=apply_history(start_coverage(None, (), NOW), RECORD_READ, (), NOW)
    )
    notices: list[Notice] = []
    for _ in range(4):
        event = ReadFailed("record", None, NOW, "code -3003")
        notices += collect_activity(state, event, ("phone",), NOW).notices
        state = apply_account_event(state, event, NOW)
    (notice,) = notices
    assert (notice.severity, state.record_coverage.objection) == ("warning", None)
    assert "can't be read (code -3003), and is not tried again" in notice.text
    assert reopen_gap(state.record_coverage, NOW, NOW).failures == 0


def test_unrecorded_movements_count_against_the_limits_of_their_kind() -> None:
    found = apply_history(start_coverage(None, (), NOW), RECORD_READ, (), NOW).gap_movements
    spent = with_gap_movements(LimitUsage(), SPEC, price_movements(found, {}), NOW)
    assert (spent.amount, spent.count, spent.last_moved_at) == (D(500), 1, {("repay", CROSS, "USDT"): AT})
    assert with_gap_movements(LimitUsage(), replace(SPEC, asset="BTC"), price_movements(found, {}), NOW) == LimitUsage()
    assert (
        with_gap_movements(LimitUsage(), replace(SPEC, kind="transfer_in"), price_movements(found, {}), NOW)
        == LimitUsage()
    )
    assert with_gap_movements(LimitUsage(), SPEC, price_movements(found, {}), AT + DAY) == LimitUsage()


def test_usdt_limit_counts_the_value_and_an_unpriced_movement_exhausts_it() -> None:
    bnb = replace(RECORD_READ, repayments=((CROSS, (replace(ROW, asset="BNB", amount=D(2)),)),))
    found = apply_history(start_coverage(None, (), NOW), bnb, (), NOW).gap_movements
    anything = replace(SPEC, asset=None)
    prices = {"BNBUSDT": Price(D(600), NOW)}
    assert with_gap_movements(LimitUsage(), anything, price_movements(found, prices), NOW).amount == D(1200)
    assert with_gap_movements(LimitUsage(), anything, price_movements(found, {}), NOW).amount.is_infinite()
