"""The table of evidence: what records and balances together prove, and what they do not."""

from dataclasses import replace
from datetime import datetime

import pytest

from monitor.core.account import CROSS
from monitor.core.intents import Intent, IntentState, Record, Repay, Transfer
from monitor.core.verify import (
    Confirmed,
    Failed,
    Judgement,
    Look,
    LookAgain,
    Unresolved,
    judge,
    late_execution,
    trace_of,
)
from tests.core.actions.samples import NOW, SAFETY, D, intent, seconds

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


def look(after: float, *records: Record, owed: str = "30000", free: str = "20000", source: str = "5000") -> Look:
    return Look(NOW + seconds(after), records, D(owed), D(free), D(source))


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
    assert isinstance(verdict(*empty(1, 15, 30, 45, 61)), Failed)


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
    assert late_execution(gone, [OURS]) == OURS
    assert late_execution(gone, [PENDING, AUTO]) is None
    assert late_execution(gone, [OURS], frozenset({"77"})) is None
    assert late_execution(replace(SENT, state=S.CONFIRMED), [OURS]) is None


def test_of_several_that_fit_a_settled_one_is_the_trace() -> None:
    early = replace(PENDING, ref="70", at=NOW - seconds(4))
    assert trace_of(SENT, [early, OURS]) == OURS
