"""What a record lacks at a start, what closes its gap, and what of the gap counts."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from monitor.core.actions.limits import Spent, with_found
from monitor.core.actions.spec import ActionSpec
from monitor.core.engine.activity import chronicle
from monitor.core.model.account import CROSS, Price
from monitor.core.model.events import ReadFailed
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import Notice
from monitor.core.model.ledger import MarginTransfer
from monitor.core.model.order import Record, Repay
from monitor.core.model.reads import RecordRead
from monitor.core.state.apply import apply
from monitor.core.state.record_coverage import DAY, OwnRecord, begun, failed, priced, reopened, with_read
from tests.support.examples.accounts import started
from tests.support.examples.actions import NOW, intent, seconds

D = Decimal
AT = NOW - seconds(3600)
ROW = Record("77", "USDT", D(500), "CONFIRMED", AT)
READ = RecordRead(NOW - DAY, NOW, ((CROSS, (ROW,)),))
OURS = intent(3, IntentState.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=AT, ref="77")
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
def test_every_start_has_a_gap_of_a_day_at_most(known_until: datetime | None, since: datetime) -> None:
    assert begun(known_until, (), NOW).open_since == since


def test_a_read_closes_the_gap_and_keeps_what_nobody_remembers() -> None:
    record = with_read(begun(None, (), NOW), READ, (), NOW)
    assert record.open_since is None
    assert [(one.kind, one.amount, one.at) for one in record.found] == [("repay", D(500), AT)]
    assert with_read(record, READ, (), NOW) == record
    assert with_read(record, READ, (), AT + DAY).found == ()


def test_two_equal_movements_of_one_moment_count_twice_and_one_that_is_read_again_once() -> None:
    both = replace(READ, repayments=((CROSS, (ROW, replace(ROW, ref="78"))),))
    record = with_read(begun(None, (), NOW), both, (), NOW)
    assert [one.amount for one in record.found] == [D(500), D(500)]
    assert with_read(record, both, (), NOW) == record
    assert with_read(record, READ, (), NOW) == record
    assert begun(None, (*record.found, *record.found), NOW).found == record.found
    assert chronicle(replace(started(), record=record), both, ("phone",), NOW).found == ()
    told = chronicle(replace(started(), record=with_read(begun(None, (), NOW), READ, (), NOW)), both, ("phone",), NOW)
    assert [one.key for one in told.found] == ["capital-flow cross 78"]


def test_a_transfer_whose_asking_shows_in_the_second_read_alone_counts_once() -> None:
    moved = MarginTransfer(CROSS, 5, AT, "USDT", D(9), True, "SPOT", "CONFIRMED", was_asked_for=None)
    record = begun(None, (), NOW)
    for one in (moved, replace(moved, was_asked_for=True)):
        record = with_read(record, RecordRead(NOW - DAY, NOW, transfers=(one,)), (), NOW)
    assert [(one.kind, one.amount) for one in record.found] == [("transfer_in", D(9))]


def test_what_an_older_version_found_is_not_found_once_more() -> None:
    numbered = with_read(begun(None, (), NOW), READ, (), NOW).found
    older = tuple(replace(one, key="") for one in numbered)
    assert begun(None, older, NOW).found == older
    assert with_read(begun(None, older, NOW), READ, (), NOW).found == numbered
    assert begun(None, (*older, *numbered), NOW).found == numbered


def test_what_an_intent_explains_is_not_found() -> None:
    assert with_read(begun(None, (), NOW), READ, (OURS,), NOW).found == ()


@pytest.mark.parametrize("row", [replace(ROW, status="FAILED"), replace(ROW, automatic=True)])
def test_what_failed_counts_nowhere_and_what_the_exchange_repaid_as_the_end_of_a_sale(row: Record) -> None:
    found = with_read(begun(None, (), NOW), replace(READ, repayments=((CROSS, (row,)),)), (), NOW).found
    assert [one.kind for one in found] == (["reduce"] if row.automatic else [])


def test_a_read_that_does_not_reach_back_leaves_the_gap_open() -> None:
    record = begun(None, (), NOW)
    assert with_read(record, replace(READ, since=NOW - seconds(60)), (), NOW).open_since == record.open_since


def test_a_gap_that_opens_again_never_shrinks() -> None:
    once = reopened(OwnRecord(), NOW - seconds(60), NOW)
    assert once.open_since == NOW - seconds(65)
    assert reopened(once, NOW - seconds(10), NOW).open_since == NOW - seconds(65)
    assert reopened(once, NOW - timedelta(days=9), NOW).open_since == NOW - DAY


def test_people_hear_of_what_fails_again_and_again() -> None:
    record = begun(None, (), NOW)
    for _ in range(3):
        assert not record.is_failing
        assert "is being read" in str(record.objection)
        record = failed(record, "code -3003")
    assert record.is_failing
    assert "can't be read from the exchange (code -3003)" in str(record.objection)
    assert OwnRecord().objection is None
    assert not failed(failed(failed(OwnRecord(), "late"), "late"), "late").is_failing


def test_a_gap_that_opened_during_a_read_stays_open() -> None:
    once = reopened(OwnRecord(), NOW, NOW + seconds(60))
    read = replace(READ, until=NOW + seconds(59))
    assert with_read(once, read, (), NOW + seconds(61)).open_since == once.open_since
    assert with_read(once, replace(READ, until=NOW + seconds(60)), (), NOW + seconds(61)).open_since is None
    longer = reopened(begun(None, (), NOW), NOW, NOW + seconds(60))
    assert with_read(longer, read, (), NOW + seconds(61)).open_since == NOW - DAY
    # The clock was an hour ahead when the gap was opened.
    assert with_read(begun(None, (), NOW + seconds(3600)), READ, (), NOW).open_since is None


@pytest.mark.parametrize(
    ("record", "known_until"),
    [
        (begun(None, (), NOW), NOW),
        (begun(NOW - timedelta(hours=30), (), NOW - seconds(60)), None),
        (reopened(OwnRecord(), NOW - seconds(1), NOW + seconds(1)), None),
        (OwnRecord(), None),
    ],
)
def test_only_a_read_that_closes_the_gap_makes_the_record_whole(
    record: OwnRecord, known_until: datetime | None
) -> None:
    state = replace(started(), record=record)
    assert chronicle(state, READ, ("phone",), NOW + seconds(2)).known_until == known_until


def test_a_second_read_that_is_given_up_is_told_once() -> None:
    state = replace(started(), record=with_read(begun(None, (), NOW), READ, (), NOW))
    notices: list[Notice] = []
    for _ in range(4):
        event = ReadFailed("record", None, NOW, "code -3003")
        notices += chronicle(state, event, ("phone",), NOW).notices
        state = apply(state, event, NOW)
    (notice,) = notices
    assert (notice.severity, state.record.objection) == ("warning", None)
    assert "can't be read (code -3003), and is not tried again" in notice.text
    assert reopened(state.record, NOW, NOW).failures == 0


def test_what_was_found_counts_against_the_limits_of_its_kind() -> None:
    found = with_read(begun(None, (), NOW), READ, (), NOW).found
    spent = with_found(Spent(), SPEC, priced(found, {}), NOW)
    assert (spent.amount, spent.count, spent.moved_at) == (D(500), 1, {("repay", CROSS, "USDT"): AT})
    assert with_found(Spent(), replace(SPEC, asset="BTC"), priced(found, {}), NOW) == Spent()
    assert with_found(Spent(), replace(SPEC, kind="transfer_in"), priced(found, {}), NOW) == Spent()
    assert with_found(Spent(), SPEC, priced(found, {}), AT + DAY) == Spent()


def test_limits_in_usdt_count_the_worth_and_what_has_none_uses_them_up() -> None:
    bnb = replace(READ, repayments=((CROSS, (replace(ROW, asset="BNB", amount=D(2)),)),))
    found = with_read(begun(None, (), NOW), bnb, (), NOW).found
    anything = replace(SPEC, asset=None)
    prices = {"BNBUSDT": Price(D(600), NOW)}
    assert with_found(Spent(), anything, priced(found, prices), NOW).amount == D(1200)
    assert with_found(Spent(), anything, priced(found, {}), NOW).amount.is_infinite()
