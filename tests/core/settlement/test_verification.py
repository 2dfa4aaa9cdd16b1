"""The table of evidence: what records and balances together prove, and what they do not."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import Record, Repay, Transfer
from monitor.core.settlement.observation import Confirmed, Failed, Judgement, Look, LookAgain, Unresolved
from monitor.core.settlement.verification import judge, late_execution, trace_of, wants_late_ledger, wants_ledger
from tests.support.examples.actions import NOW, SAFETY, D, intent, seconds

S = IntentState
SENT = intent(
    1,
    S.UNCERTAIN,
    Repay(CROSS, "USDT", D(500)),
    submitted_at=NOW,
    owed_before=D(30_000),
    free_before=D(20_000),
)
BROUGHT = intent(
    2,
    S.UNCERTAIN,
    Transfer("spot", CROSS, "USDT", D(500)),
    submitted_at=NOW,
    owed_before=D(30_000),
    free_before=D(20_000),
    source_before=D(5000),
)
OURS = Record("77", "USDT", D(500), "CONFIRMED", NOW)
PENDING, FAILED = replace(OURS, status="PENDING"), replace(OURS, status="FAILED")
AUTO = replace(OURS, automatic=True)
ROW = LedgerRow(CROSS, 9, 77, NOW + seconds(1), "USDT", "REPAY", D(500))


def look(after: float, *records: Record, owed: str = "30000", free: str = "20000", source: str = "5000") -> Look:
    return Look(NOW + seconds(after), records, D(owed), D(free), D(source), ledger=())


def verdict(*looks: Look, of: Intent = SENT, at: datetime | None = None) -> Judgement:
    return judge(of, looks, SAFETY, at or looks[-1].at)


def empty(*at: float) -> list[Look]:
    return [look(after) for after in at]


def test_record_and_balance_together_confirm() -> None:
    found = verdict(look(1, OURS, owed="29500"))
    assert isinstance(found, Confirmed)
    assert (found.ref, found.at) == ("77", NOW + seconds(1))
    assert found.evidence == "record 77 of 21:15:30; USDT owed 30000 → 29500"


def test_interest_charged_meanwhile_does_not_hide_a_repayment() -> None:
    assert isinstance(verdict(look(1, OURS, owed="29500.31")), Confirmed)


@pytest.mark.parametrize(
    "after",
    [
        look(1, OURS),
        look(1, owed="29500"),
        look(1, PENDING),
        look(1, PENDING, owed="29500"),
        look(1, FAILED, owed="29500"),
        look(1, AUTO, owed="29500"),
        look(1, replace(OURS, amount=D("500.00000001")), owed="29500"),
        look(1, replace(OURS, asset="ETH"), owed="29500"),
        look(1, replace(OURS, at=NOW - seconds(6)), owed="29500"),
        look(1),
        replace(look(1), owed=None),
        replace(look(1, OURS), owed=None),
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
def test_one_of_two_decides_nothing(after: Look) -> None:
    assert isinstance(verdict(after), LookAgain)
    assert isinstance(verdict(after, at=NOW + SAFETY.unresolved_after), Unresolved)


def test_a_record_that_says_failed_and_balances_that_stood_still_fail() -> None:
    assert isinstance(verdict(look(1, FAILED)), Failed)


def test_absence_over_five_looks_and_the_settle_time_fails() -> None:
    found = verdict(*empty(1, 15, 30, 45, 61))
    assert isinstance(found, Failed)
    told = "no record in 5 looks over 60 s, the capital flow does not show it, and the balances did not move"
    assert found.evidence == told


def test_absence_waits_for_a_ledger_that_can_be_read() -> None:
    unread = [replace(one, ledger=None) for one in empty(1, 15, 30, 45, 61)]
    assert isinstance(verdict(*unread), LookAgain)
    assert wants_ledger(SENT, unread, SAFETY)
    found = verdict(*unread, at=NOW + SAFETY.unresolved_after / 2)
    assert isinstance(found, Failed)
    assert "could not be read" in found.evidence


def test_the_ledger_is_asked_only_when_it_has_something_to_say() -> None:
    def unread(one: Look) -> bool:
        return wants_ledger(SENT, [replace(one, ledger=None)], SAFETY)

    assert not unread(look(1))
    assert not unread(look(1, OURS, owed="29500"))
    assert not unread(look(1, PENDING, owed="29500"))
    assert unread(look(1, owed="29500"))
    assert unread(look(1, OURS))
    assert unread(look(1, FAILED, owed="29500"))
    assert not wants_ledger(SENT, [look(1, owed="29500")], SAFETY)
    assert wants_ledger(replace(SENT, state=S.UNRESOLVED), [replace(look(1), ledger=None)], SAFETY)


def test_a_row_of_the_ledger_alone_never_lets_an_order_fail() -> None:
    looks = [replace(one, ledger=(ROW,)) for one in empty(1, 15, 30, 45, 61)]
    assert isinstance(verdict(*looks), LookAgain)
    assert isinstance(verdict(replace(look(1, FAILED), ledger=(ROW,))), LookAgain)


def test_ledger_and_balance_confirm_once_the_history_was_silent_for_the_settle_time() -> None:
    looks = [replace(look(after, owed="29500"), ledger=(ROW,)) for after in (1, 30, 61)]
    assert isinstance(verdict(*looks[:2]), LookAgain)
    found = verdict(*looks)
    assert isinstance(found, Confirmed)
    assert found.ref == "77"
    assert found.evidence == "capital flow 9 of 21:15:31; USDT owed 30000 → 29500; the history does not show it"


def test_an_acknowledged_order_is_found_in_the_ledger_whichever_number_it_carries() -> None:
    accepted = replace(SENT, state=S.ACKNOWLEDGED, ref="4711")
    for row in (ROW, replace(ROW, tran_id=4711)):
        looks = [replace(look(after, owed="29500"), ledger=(row,)) for after in (1, 30, 61)]
        found = verdict(*looks, of=accepted)
        assert isinstance(found, Confirmed)
        assert found.ref == "4711"


def test_the_exchanges_own_repayment_is_told_apart_and_does_not_hide_a_failure() -> None:
    auto = replace(AUTO, amount=D(700), at=NOW + seconds(5))
    row = replace(ROW, amount=D(700), at=NOW + seconds(5))
    looks = [replace(look(after, auto, owed="29300"), ledger=(row,)) for after in (6, 20, 35, 50, 67)]
    assert isinstance(verdict(*[replace(one, ledger=None) for one in looks]), LookAgain)
    found = verdict(*looks)
    assert isinstance(found, Failed)
    assert found.evidence.endswith("the balances moved by others (700 USDT repaid by the exchange itself (77))")


def test_an_automatic_repayment_of_the_very_amount_is_not_taken_for_the_order() -> None:
    looks = [replace(look(after, AUTO, owed="29500"), ledger=(ROW,)) for after in (1, 30, 61)]
    assert isinstance(verdict(*looks), LookAgain)


def test_a_debt_that_others_raised_meanwhile_does_not_hide_a_repayment() -> None:
    borrowed = replace(ROW, id=10, tran_id=78, kind="BORROW", amount=D(800), at=NOW + seconds(3))
    seen = replace(look(5, OURS, owed="30300"), ledger=(ROW, borrowed))
    assert isinstance(verdict(replace(seen, ledger=None)), LookAgain)
    found = verdict(seen)
    assert isinstance(found, Confirmed)
    assert found.evidence.endswith("capital flow 9 agrees")


def test_a_transfer_by_another_hand_is_told_apart_and_does_not_hide_a_failure() -> None:
    row = replace(ROW, kind="TRANSFER", amount=D(900), at=NOW + seconds(3))
    looks = [replace(look(after, free="20900", source="4100"), ledger=(row,)) for after in (5, 20, 35, 50, 66)]
    found = verdict(*looks, of=BROUGHT)
    assert isinstance(found, Failed)
    assert "900 USDT transferred (77)" in found.evidence
    unexplained = [replace(one, source=D(4000)) for one in looks]
    assert isinstance(verdict(*unexplained, of=BROUGHT), LookAgain)


@given(
    repaid_by_others=st.integers(0, 2000),
    borrowed_by_others=st.integers(0, 2000),
    happened=st.booleans(),
    shown=st.booleans(),
)
def test_whatever_others_do_a_repayment_that_happened_never_fails_and_one_that_did_not_is_never_confirmed(
    repaid_by_others: int, borrowed_by_others: int, happened: bool, shown: bool
) -> None:
    at = NOW + seconds(3)
    rows = [
        replace(ROW, id=20, tran_id=90, amount=D(repaid_by_others), at=at),
        replace(ROW, id=21, tran_id=91, kind="BORROW", amount=D(borrowed_by_others), at=at),
    ]
    records = [Record("90", "USDT", D(repaid_by_others), "CONFIRMED", at, automatic=True)]
    owed = 30_000 - repaid_by_others + borrowed_by_others - (500 if happened else 0)
    if happened and shown:
        rows.append(ROW)
        records.append(OURS)
    looks = [replace(look(after, *records, owed=str(owed)), ledger=tuple(rows)) for after in (5, 20, 35, 50, 66)]
    found = verdict(*looks)
    if happened:
        assert isinstance(found, Confirmed) if shown else not isinstance(found, Failed)
    else:
        assert isinstance(found, Failed)


def test_four_looks_are_not_enough_however_long() -> None:
    assert isinstance(verdict(*empty(1, 30, 60, 90)), LookAgain)


def test_five_looks_are_not_enough_before_the_settle_time() -> None:
    assert isinstance(verdict(*empty(1, 15, 30, 45, 60)), LookAgain)


def test_absence_counts_anew_after_anything_was_seen() -> None:
    looks = [*empty(1, 15, 30), look(45, owed="29500"), *empty(61)]
    assert isinstance(verdict(*looks), LookAgain)


def test_a_balance_that_moved_never_fails() -> None:
    looks = [look(after, owed="29500") for after in (1, 15, 30, 45, 61, 90)]
    assert isinstance(verdict(*looks), LookAgain)


def test_an_acknowledged_order_without_a_trace_is_for_a_person() -> None:
    accepted = replace(SENT, state=S.ACKNOWLEDGED, ref="77")
    assert isinstance(verdict(*empty(1, 15, 30, 45, 61), of=accepted), LookAgain)
    assert isinstance(verdict(*empty(1, 15, 30, 45, 601), of=accepted), Unresolved)


def test_an_acknowledged_order_is_found_by_its_id_alone() -> None:
    accepted = replace(SENT, state=S.ACKNOWLEDGED, ref="78")
    twin = replace(OURS, ref="78", at=NOW + seconds(1))
    found = verdict(look(1, OURS, twin, owed="29000"), of=accepted)
    assert isinstance(found, Confirmed)
    assert found.ref == "78"


def test_records_of_other_intents_are_not_taken_twice() -> None:
    seen = look(1, OURS, owed="29500")
    assert isinstance(judge(SENT, [seen], SAFETY, seen.at, frozenset({"77"})), LookAgain)


def test_an_unresolved_one_is_looked_into_without_end_and_can_still_be_settled() -> None:
    asked = replace(SENT, state=S.UNRESOLVED)
    later = NOW + 2 * SAFETY.unresolved_after
    assert isinstance(verdict(look(1, OURS), of=asked, at=later), LookAgain)
    assert isinstance(verdict(look(1, OURS, owed="29500"), of=asked, at=later), Confirmed)


@pytest.mark.parametrize(("free", "source"), [("20500", "5000"), ("20000", "4500"), ("20500", "4500")])
def test_a_transfer_shows_at_either_end(free: str, source: str) -> None:
    assert isinstance(verdict(look(1, OURS, free=free, source=source), of=BROUGHT), Confirmed)


def test_a_transfer_without_movement_and_record_fails_in_time() -> None:
    assert isinstance(verdict(*empty(1, 15, 30, 45, 61), of=BROUGHT), Failed)


def test_a_transfer_whose_money_was_used_at_once_shows_at_its_source() -> None:
    assert isinstance(verdict(look(1, OURS, free="100", source="4500"), of=BROUGHT), Confirmed)


def test_nothing_looked_at_decides_nothing() -> None:
    assert isinstance(judge(SENT, [], SAFETY, NOW), LookAgain)


def test_a_late_execution_of_a_failed_order_is_recognised() -> None:
    gone = replace(SENT, state=S.FAILED)
    assert late_execution(gone, look(60, OURS), SAFETY) == OURS
    assert late_execution(gone, look(60, PENDING, AUTO), SAFETY) is None
    assert late_execution(gone, look(60, OURS), SAFETY, frozenset({"77"})) is None
    assert late_execution(replace(SENT, state=S.CONFIRMED), look(60, OURS), SAFETY) is None


@pytest.mark.parametrize(
    ("sent", "after", "kind"),
    [
        pytest.param(SENT, {"owed": "29500"}, "REPAY", id="repayment"),
        pytest.param(BROUGHT, {"free": "20500"}, "TRANSFER", id="transfer"),
    ],
)
def test_a_late_execution_that_the_history_never_shows_is_recognised_by_ledger_and_balance(
    sent: Intent, after: dict[str, str], kind: str
) -> None:
    gone, row = replace(sent, state=S.FAILED), replace(ROW, kind=kind, at=NOW + seconds(90))
    shown = replace(look(150, **after), ledger=(row,))
    assert late_execution(gone, shown, SAFETY) == row
    # The history has not had its time to tell whose doing it was; the balances say no; it is another intent's.
    assert late_execution(gone, replace(shown, at=NOW + seconds(149)), SAFETY) is None
    assert late_execution(gone, replace(look(150), ledger=(row,)), SAFETY) is None
    assert late_execution(gone, shown, SAFETY, frozenset({"77"})) is None
    # An order of another amount, by whatever hand, is not this one.
    assert late_execution(gone, replace(shown, ledger=(replace(row, amount=D(501)),)), SAFETY) is None
    if kind == "REPAY":
        own = replace(AUTO, ref="77", at=row.at)
        assert late_execution(gone, replace(shown, records=(own,)), SAFETY) is None


def test_the_ledger_is_asked_for_a_late_execution_only_where_the_balances_moved_and_the_history_is_silent() -> None:
    gone = replace(SENT, state=S.FAILED)
    unread = replace(look(150, owed="29500"), ledger=None)
    assert wants_late_ledger(gone, unread, SAFETY)
    assert not wants_late_ledger(gone, replace(unread, records=(OURS,)), SAFETY)
    assert not wants_late_ledger(gone, replace(unread, owed=D(30_000)), SAFETY)
    assert not wants_late_ledger(gone, replace(unread, ledger=()), SAFETY)


def test_of_several_that_fit_a_settled_one_is_the_trace() -> None:
    early = replace(PENDING, ref="70", at=NOW - seconds(4))
    assert trace_of(SENT, [early, OURS]) == OURS
