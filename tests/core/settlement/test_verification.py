"""Verification of sent intents: a table of the verdicts that records, ledger and balances prove together."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import ExchangeRecord, Repay, Transfer
from monitor.core.settlement.notices import intent_notices
from monitor.core.settlement.observation import Confirmed, Failed, Observation, Undecided, Unresolved, Verdict
from monitor.core.settlement.transitions import mark_executed_late
from monitor.core.settlement.verification import (
    find_late_execution,
    matching_record,
    needs_ledger,
    needs_ledger_for_late_check,
    verify,
)
from tests.support.examples.actions import NOW, SAFETY, D, intent, seconds

S = IntentState
REPAY_INTENT = intent(
    1,
    S.UNCERTAIN,
    Repay(CROSS, "USDT", D(500)),
    submitted_at=NOW,
    owed_before=D(30_000),
    free_before=D(20_000),
)
TRANSFER_INTENT = intent(
    2,
    S.UNCERTAIN,
    Transfer("spot", CROSS, "USDT", D(500)),
    submitted_at=NOW,
    owed_before=D(30_000),
    free_before=D(20_000),
    source_before=D(5000),
)
REPAY_RECORD = ExchangeRecord("77", "USDT", D(500), "CONFIRMED", NOW)
PENDING, FAILED = replace(REPAY_RECORD, status="PENDING"), replace(REPAY_RECORD, status="FAILED")
AUTOMATIC_RECORD = replace(REPAY_RECORD, is_automatic=True)
LEDGER_ROW = LedgerRow(CROSS, 9, 77, NOW + seconds(1), "USDT", "REPAY", D(500))


def observation(
    after: float, *records: ExchangeRecord, owed: str = "30000", free: str = "20000", source: str = "5000"
) -> Observation:
    return Observation(NOW + seconds(after), records, D(owed), D(free), D(source), ledger=())


def verify_observations(*looks: Observation, of: Intent = REPAY_INTENT, at: datetime | None = None) -> Verdict:
    return verify(of, looks, SAFETY, at or looks[-1].at)


def unchanged_observations(*at: float) -> list[Observation]:
    return [observation(after) for after in at]


def test_record_and_balance_change_confirm() -> None:
    found = verify_observations(observation(1, REPAY_RECORD, owed="29500"))
    assert isinstance(found, Confirmed)
    assert (found.ref, found.at) == ("77", NOW + seconds(1))
    assert "record 77" in found.evidence
    assert "30000 → 29500" in found.evidence


def test_equal_record_where_others_act_needs_an_answer_that_named_it() -> None:
    by_record, by_ledger = observation(1, REPAY_RECORD, owed="29500"), observation(60, owed="29500")
    for looks in ([by_record], [replace(by_ledger, ledger=(LEDGER_ROW,))]):
        found = verify(REPAY_INTENT, looks, SAFETY, looks[-1].at, is_shared=True)
        assert isinstance(found, Undecided)
        assert "it may be theirs" in found.reason
        late = verify(REPAY_INTENT, looks, SAFETY, NOW + SAFETY.unresolved_after, is_shared=True)
        assert isinstance(late, Unresolved)
    named = replace(REPAY_INTENT, state=S.ACKNOWLEDGED, ref="77")
    assert isinstance(verify(named, [by_record], SAFETY, by_record.at, is_shared=True), Confirmed)


def test_equal_record_of_a_time_without_a_daemon_may_be_of_a_lost_order() -> None:
    absences = [(NOW + seconds(20), NOW + seconds(90))]
    later = replace(REPAY_RECORD, at=NOW + seconds(80))
    by_record, by_ledger = observation(95, later, owed="29500"), observation(95, owed="29500")
    row = replace(LEDGER_ROW, at=NOW + seconds(80))
    for seen in (by_record, replace(by_ledger, ledger=(row,))):
        found = verify(REPAY_INTENT, [seen], SAFETY, seen.at, absences=absences)
        assert isinstance(found, Undecided)
        assert "it may be of an equal order that was lost with its record" in found.reason
        late = verify(REPAY_INTENT, [seen], SAFETY, NOW + SAFETY.unresolved_after, absences=absences)
        assert isinstance(late, Unresolved)
    named = replace(REPAY_INTENT, state=S.ACKNOWLEDGED, ref="77")
    assert isinstance(verify(named, [by_record], SAFETY, by_record.at, absences=absences), Confirmed)
    # As after a crash while sending: nothing else could have been sent by then.
    at_once = observation(95, REPAY_RECORD, owed="29500")
    assert isinstance(verify(REPAY_INTENT, [at_once], SAFETY, at_once.at, absences=absences), Confirmed)


def test_interest_charged_meanwhile_does_not_hide_a_repayment() -> None:
    assert isinstance(verify_observations(observation(1, REPAY_RECORD, owed="29500.31")), Confirmed)


@pytest.mark.parametrize(
    "after",
    [
        observation(1, REPAY_RECORD),
        observation(1, owed="29500"),
        observation(1, PENDING),
        observation(1, PENDING, owed="29500"),
        observation(1, FAILED, owed="29500"),
        observation(1, AUTOMATIC_RECORD, owed="29500"),
        observation(1, replace(REPAY_RECORD, amount=D("500.00000001")), owed="29500"),
        observation(1, replace(REPAY_RECORD, asset="ETH"), owed="29500"),
        observation(1, replace(REPAY_RECORD, at=NOW - seconds(6)), owed="29500"),
        observation(1),
        replace(observation(1), owed=None),
        replace(observation(1, REPAY_RECORD), owed=None),
    ],
    ids=[
        "record without movement",
        "movement without record",
        "pending",
        "pending and moved",
        "failed and moved",
        "automatic",
        "another amount",
        "another asset",
        "older",
        "nothing yet",
        "balance unread",
        "record, balance unread",
    ],
)
def test_record_or_balance_alone_decides_nothing(after: Observation) -> None:
    assert isinstance(verify_observations(after), Undecided)
    assert isinstance(verify_observations(after, at=NOW + SAFETY.unresolved_after), Unresolved)


def test_failed_record_and_unchanged_balances_mean_failed() -> None:
    assert isinstance(verify_observations(observation(1, FAILED)), Failed)


def test_no_trace_in_five_observations_over_the_settle_time_means_failed() -> None:
    found = verify_observations(*unchanged_observations(1, 15, 30, 45, 61))
    assert isinstance(found, Failed)
    assert "5 looks" in found.evidence


def test_missing_trace_waits_for_a_readable_ledger() -> None:
    unread = [replace(seen, ledger=None) for seen in unchanged_observations(1, 15, 30, 45, 61)]
    assert isinstance(verify_observations(*unread), Undecided)
    assert needs_ledger(REPAY_INTENT, unread, SAFETY)
    found = verify_observations(*unread, at=NOW + SAFETY.unresolved_after / 2)
    assert isinstance(found, Failed)
    assert "could not be read" in found.evidence


def test_ledger_is_requested_only_when_it_can_decide() -> None:
    def unread(one: Observation) -> bool:
        return needs_ledger(REPAY_INTENT, [replace(one, ledger=None)], SAFETY)

    assert not unread(observation(1))
    assert not unread(observation(1, REPAY_RECORD, owed="29500"))
    assert not unread(observation(1, PENDING, owed="29500"))
    assert unread(observation(1, owed="29500"))
    assert unread(observation(1, REPAY_RECORD))
    assert unread(observation(1, FAILED, owed="29500"))
    assert not needs_ledger(REPAY_INTENT, [observation(1, owed="29500")], SAFETY)
    assert needs_ledger(replace(REPAY_INTENT, state=S.UNRESOLVED), [replace(observation(1), ledger=None)], SAFETY)


def test_ledger_row_alone_never_means_failed() -> None:
    looks = [replace(seen, ledger=(LEDGER_ROW,)) for seen in unchanged_observations(1, 15, 30, 45, 61)]
    assert isinstance(verify_observations(*looks), Undecided)
    assert isinstance(verify_observations(replace(observation(1, FAILED), ledger=(LEDGER_ROW,))), Undecided)


def test_ledger_and_balance_confirm_after_the_settle_time_without_history() -> None:
    looks = [replace(observation(after, owed="29500"), ledger=(LEDGER_ROW,)) for after in (1, 30, 61)]
    assert isinstance(verify_observations(*looks[:2]), Undecided)
    found = verify_observations(*looks)
    assert isinstance(found, Confirmed)
    assert (found.ref, found.at) == ("77", NOW + seconds(61))
    assert "capital flow 9" in found.evidence


def test_acknowledged_intent_is_found_in_the_ledger_by_any_transaction_id() -> None:
    accepted = replace(REPAY_INTENT, state=S.ACKNOWLEDGED, ref="4711")
    for row in (LEDGER_ROW, replace(LEDGER_ROW, tran_id=4711)):
        looks = [replace(observation(after, owed="29500"), ledger=(row,)) for after in (1, 30, 61)]
        found = verify_observations(*looks, of=accepted)
        assert isinstance(found, Confirmed)
        assert found.ref == "4711"


def test_automatic_repayment_does_not_mask_a_failure() -> None:
    auto = replace(AUTOMATIC_RECORD, amount=D(700), at=NOW + seconds(5))
    row = replace(LEDGER_ROW, amount=D(700), at=NOW + seconds(5))
    looks = [replace(observation(after, auto, owed="29300"), ledger=(row,)) for after in (6, 20, 35, 50, 67)]
    assert isinstance(verify_observations(*[replace(seen, ledger=None) for seen in looks]), Undecided)
    found = verify_observations(*looks)
    assert isinstance(found, Failed)
    assert found.evidence.endswith("the balances moved by others (700 USDT repaid by the exchange itself (77))")


def test_automatic_repayment_of_the_same_amount_is_not_taken_for_the_intent() -> None:
    looks = [replace(observation(after, AUTOMATIC_RECORD, owed="29500"), ledger=(LEDGER_ROW,)) for after in (1, 30, 61)]
    assert isinstance(verify_observations(*looks), Undecided)


def test_new_foreign_debt_does_not_mask_a_repayment() -> None:
    borrowed = replace(LEDGER_ROW, id=10, tran_id=78, kind="BORROW", amount=D(800), at=NOW + seconds(3))
    seen = replace(observation(5, REPAY_RECORD, owed="30300"), ledger=(LEDGER_ROW, borrowed))
    assert isinstance(verify_observations(replace(seen, ledger=None)), Undecided)
    found = verify_observations(seen)
    assert isinstance(found, Confirmed)
    assert found.evidence.endswith("capital flow 9 agrees")


def test_foreign_transfer_does_not_mask_a_failure() -> None:
    row = replace(LEDGER_ROW, kind="TRANSFER", amount=D(900), at=NOW + seconds(3))
    looks = [replace(observation(after, free="20900", source="4100"), ledger=(row,)) for after in (5, 20, 35, 50, 66)]
    found = verify_observations(*looks, of=TRANSFER_INTENT)
    assert isinstance(found, Failed)
    assert "900 USDT transferred (77)" in found.evidence
    unexplained = [replace(seen, source=D(4000)) for seen in looks]
    assert isinstance(verify_observations(*unexplained, of=TRANSFER_INTENT), Undecided)


@given(
    repaid_by_others=st.integers(0, 2000),
    borrowed_by_others=st.integers(0, 2000),
    happened=st.booleans(),
    shown=st.booleans(),
)
def test_foreign_activity_never_changes_the_verdict_on_a_repayment(
    repaid_by_others: int, borrowed_by_others: int, happened: bool, shown: bool
) -> None:
    at = NOW + seconds(3)
    rows = [
        replace(LEDGER_ROW, id=20, tran_id=90, amount=D(repaid_by_others), at=at),
        replace(LEDGER_ROW, id=21, tran_id=91, kind="BORROW", amount=D(borrowed_by_others), at=at),
    ]
    records = [ExchangeRecord("90", "USDT", D(repaid_by_others), "CONFIRMED", at, is_automatic=True)]
    owed = 30_000 - repaid_by_others + borrowed_by_others - (500 if happened else 0)
    if happened and shown:
        rows.append(LEDGER_ROW)
        records.append(REPAY_RECORD)
    looks = [replace(observation(after, *records, owed=str(owed)), ledger=tuple(rows)) for after in (5, 20, 35, 50, 66)]
    found = verify_observations(*looks)
    if happened:
        assert isinstance(found, Confirmed) if shown else not isinstance(found, Failed)
    else:
        assert isinstance(found, Failed)


def test_four_observations_are_not_enough() -> None:
    assert isinstance(verify_observations(*unchanged_observations(1, 30, 60, 90)), Undecided)


def test_five_observations_before_the_settle_time_are_not_enough() -> None:
    assert isinstance(verify_observations(*unchanged_observations(1, 15, 30, 45, 60)), Undecided)


def test_count_of_observations_restarts_after_a_trace() -> None:
    looks = [*unchanged_observations(1, 15, 30), observation(45, owed="29500"), *unchanged_observations(61)]
    assert isinstance(verify_observations(*looks), Undecided)


def test_changed_balance_never_means_failed() -> None:
    looks = [observation(after, owed="29500") for after in (1, 15, 30, 45, 61, 90)]
    assert isinstance(verify_observations(*looks), Undecided)


def test_acknowledged_intent_without_a_trace_becomes_unresolved() -> None:
    accepted = replace(REPAY_INTENT, state=S.ACKNOWLEDGED, ref="77")
    assert isinstance(verify_observations(*unchanged_observations(1, 15, 30, 45, 61), of=accepted), Undecided)
    assert isinstance(verify_observations(*unchanged_observations(1, 15, 30, 45, 601), of=accepted), Unresolved)


def test_acknowledged_intent_is_matched_by_transaction_id_only() -> None:
    accepted = replace(REPAY_INTENT, state=S.ACKNOWLEDGED, ref="78")
    twin = replace(REPAY_RECORD, ref="78", at=NOW + seconds(1))
    found = verify_observations(observation(1, REPAY_RECORD, twin, owed="29000"), of=accepted)
    assert isinstance(found, Confirmed)
    assert found.ref == "78"


def test_record_of_another_intent_is_not_used_again() -> None:
    seen = observation(1, REPAY_RECORD, owed="29500")
    assert isinstance(verify(REPAY_INTENT, [seen], SAFETY, seen.at, frozenset({"77"})), Undecided)


def test_unresolved_intent_is_observed_on_and_can_still_settle() -> None:
    asked = replace(REPAY_INTENT, state=S.UNRESOLVED)
    later = NOW + 2 * SAFETY.unresolved_after
    assert isinstance(verify_observations(observation(1, REPAY_RECORD), of=asked, at=later), Undecided)
    assert isinstance(verify_observations(observation(1, REPAY_RECORD, owed="29500"), of=asked, at=later), Confirmed)


@pytest.mark.parametrize(("free", "source"), [("20500", "5000"), ("20000", "4500"), ("20500", "4500")])
def test_transfer_is_confirmed_by_either_balance(free: str, source: str) -> None:
    assert isinstance(
        verify_observations(observation(1, REPAY_RECORD, free=free, source=source), of=TRANSFER_INTENT), Confirmed
    )


def test_transfer_without_any_trace_means_failed() -> None:
    assert isinstance(verify_observations(*unchanged_observations(1, 15, 30, 45, 61), of=TRANSFER_INTENT), Failed)


def test_transfer_spent_at_once_is_confirmed_by_its_source() -> None:
    assert isinstance(
        verify_observations(observation(1, REPAY_RECORD, free="100", source="4500"), of=TRANSFER_INTENT), Confirmed
    )


def test_no_observation_decides_nothing() -> None:
    assert isinstance(verify(REPAY_INTENT, [], SAFETY, NOW), Undecided)


def test_a_late_execution_of_a_failed_order_is_recognised() -> None:
    gone = replace(REPAY_INTENT, state=S.FAILED)
    assert find_late_execution(gone, observation(60, REPAY_RECORD), SAFETY) == REPAY_RECORD
    assert find_late_execution(gone, observation(60, PENDING, AUTOMATIC_RECORD), SAFETY) is None
    assert find_late_execution(gone, observation(60, REPAY_RECORD), SAFETY, frozenset({"77"})) is None
    assert find_late_execution(replace(REPAY_INTENT, state=S.CONFIRMED), observation(60, REPAY_RECORD), SAFETY) is None


def test_record_known_before_proves_no_late_execution_of_an_unnamed_order() -> None:
    gone, shown = replace(REPAY_INTENT, state=S.FAILED, settled_at=NOW + seconds(50)), observation(60, REPAY_RECORD)
    assert find_late_execution(gone, shown, SAFETY) == REPAY_RECORD
    by_person = replace(gone, resolved_by="ann")
    assert find_late_execution(by_person, shown, SAFETY) is None
    later = replace(REPAY_RECORD, at=NOW + seconds(51))
    assert find_late_execution(by_person, observation(60, later), SAFETY) == later
    assert find_late_execution(replace(by_person, ref="77"), shown, SAFETY) == REPAY_RECORD


def test_later_equal_record_shows_a_late_execution_beside_one_that_a_person_knew() -> None:
    by_person = replace(REPAY_INTENT, state=S.FAILED, settled_at=NOW + seconds(50), resolved_by="ann")
    later = replace(REPAY_RECORD, ref="78", at=NOW + seconds(51))
    assert find_late_execution(by_person, observation(60, REPAY_RECORD, later), SAFETY) == later
    own_row = replace(LEDGER_ROW, id=10, tran_id=78, at=NOW + seconds(51))
    by_ledger = replace(observation(150, owed="29000"), ledger=(LEDGER_ROW, own_row))
    assert find_late_execution(by_person, by_ledger, SAFETY) == own_row
    known_alone = replace(observation(150, owed="29500"), ledger=(LEDGER_ROW,))
    assert find_late_execution(by_person, known_alone, SAFETY) is None


def test_late_execution_where_others_act_counts_and_its_notice_has_the_doubt() -> None:
    gone = replace(REPAY_INTENT, state=S.FAILED)
    trace = find_late_execution(gone, observation(60, REPAY_RECORD), SAFETY)
    assert trace is not None
    late = mark_executed_late(gone, trace, is_shared=True)
    assert late.executed_late
    (notice,) = intent_notices([late], ("phone",), NOW)
    assert "which may be another hand's: no answer named the order" in notice.text
    lost = mark_executed_late(gone, trace, may_be_lost=True)
    assert lost.executed_late
    assert "which may be of an equal order that was lost with its record" in str(lost.evidence)
    for sure in (
        mark_executed_late(gone, trace),
        mark_executed_late(replace(gone, ref="77"), trace, is_shared=True, may_be_lost=True),
    ):
        assert "may be" not in str(sure.evidence)


@pytest.mark.parametrize(
    ("sent", "after", "kind"),
    [
        pytest.param(REPAY_INTENT, {"owed": "29500"}, "REPAY", id="repayment"),
        pytest.param(TRANSFER_INTENT, {"free": "20500"}, "TRANSFER", id="transfer"),
    ],
)
def test_late_execution_missing_from_the_history_is_recognised_by_ledger_and_balance(
    sent: Intent, after: dict[str, str], kind: str
) -> None:
    gone, row = replace(sent, state=S.FAILED), replace(LEDGER_ROW, kind=kind, at=NOW + seconds(90))
    shown = replace(observation(150, **after), ledger=(row,))
    assert find_late_execution(gone, shown, SAFETY) == row
    # The settle time has not passed; the balances say no; the row is another intent's.
    assert find_late_execution(gone, replace(shown, at=NOW + seconds(149)), SAFETY) is None
    assert find_late_execution(gone, replace(observation(150), ledger=(row,)), SAFETY) is None
    assert find_late_execution(gone, shown, SAFETY, frozenset({"77"})) is None
    # An order of another amount, whoever sent it, is not this one.
    assert find_late_execution(gone, replace(shown, ledger=(replace(row, amount=D(501)),)), SAFETY) is None
    if kind == "REPAY":
        own = replace(AUTOMATIC_RECORD, ref="77", at=row.at)
        assert find_late_execution(gone, replace(shown, records=(own,)), SAFETY) is None


def test_ledger_is_requested_for_a_late_execution_only_after_an_unexplained_balance_change() -> None:
    gone = replace(REPAY_INTENT, state=S.FAILED)
    unread = replace(observation(150, owed="29500"), ledger=None)
    assert needs_ledger_for_late_check(gone, unread, SAFETY)
    assert not needs_ledger_for_late_check(gone, replace(unread, records=(REPAY_RECORD,)), SAFETY)
    assert not needs_ledger_for_late_check(gone, replace(unread, owed=D(30_000)), SAFETY)
    assert not needs_ledger_for_late_check(gone, replace(unread, ledger=()), SAFETY)


def test_settled_record_is_preferred_among_matching_ones() -> None:
    early = replace(PENDING, ref="70", at=NOW - seconds(4))
    assert matching_record(REPAY_INTENT, [early, REPAY_RECORD]) == REPAY_RECORD
