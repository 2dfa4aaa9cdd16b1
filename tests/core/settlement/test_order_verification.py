"""What the name of an order, what is open, and balances together prove of orders on the market."""

from dataclasses import replace
from typing import Literal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import CancelOrders, Record, Reduce
from monitor.core.settlement.observation import Confirmed, Failed, Judgement, Look, LookAgain, Unresolved
from monitor.core.settlement.transitions import judged
from monitor.core.settlement.verification import judge, late_execution, wants_ledger
from tests.support.examples.actions import NOW, SAFETY, D, intent, seconds

S = IntentState
SALE = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC", "mm-1-1")
SENT = intent(
    1, S.UNCERTAIN, SALE, kind="reduce", submitted_at=NOW, owed_before=D(60_000), source_before=D("1.5"),
)  # fmt: skip
CANCEL = intent(
    2, S.UNCERTAIN, CancelOrders(CROSS, "BTCUSDT", "BTC"), kind="cancel_orders", amount_usdt=D(0), submitted_at=NOW,
    source_before=D("0.5"),
)  # fmt: skip


def record(
    status: Literal["PENDING", "CONFIRMED", "FAILED"], brought: str = "6000", spent: str = "0.1", after: float = 0
) -> Record:
    return Record("28", "USDT", D(brought), status, NOW + seconds(after), spent=D(spent))


def look(after: float, *records: Record, owed: str = "60000", source: str = "1.5") -> Look:
    return Look(NOW + seconds(after), records, D(owed), D(0), D(source))


def verdict(*looks: Look, of: Intent = SENT, after: float | None = None) -> Judgement:
    return judge(of, looks, SAFETY, looks[-1].at if after is None else NOW + seconds(after))


def test_filled_and_gone_from_the_balance_is_confirmed_with_what_it_brought() -> None:
    found = verdict(look(1, record("CONFIRMED"), owed="54006", source="1.4"))
    assert found == Confirmed(
        "order 28: 0.1 of 0.1 filled, brought 6000 USDT; BTC 1.5 → 1.4; USDT owed 60000 → 54006",
        "28",
        NOW + seconds(1),
        D(6000),
    )


def test_a_part_counts_as_that_part() -> None:
    found = verdict(look(1, record("CONFIRMED", "1500", "0.025"), owed="58501.5", source="1.475"))
    assert isinstance(found, Confirmed)
    moved = judged(SENT, found, NOW)
    assert moved is not None
    assert (moved.intent.amount, moved.intent.amount_usdt) == (D(1500), D(1500))


def test_filled_but_still_in_the_balance_is_looked_at_again() -> None:
    assert isinstance(verdict(look(1, record("CONFIRMED"))), LookAgain)
    assert isinstance(verdict(look(601, record("CONFIRMED"))), Unresolved)


def test_an_open_order_is_looked_at_again() -> None:
    assert isinstance(verdict(look(1, record("PENDING", "0", "0"))), LookAgain)


def test_one_that_ended_unfilled_is_failed() -> None:
    found = verdict(look(1, record("FAILED", "0", "0")))
    assert found == Failed("order 28 ended with nothing filled at 59400 or better")


def test_a_name_that_the_exchange_does_not_know_is_failed_after_the_settle_time() -> None:
    looks = [look(after) for after in (1, 15, 30, 45, 62)]
    assert isinstance(verdict(*looks[:4]), LookAgain)
    assert isinstance(verdict(*looks), Failed)


def test_an_unknown_name_and_a_smaller_balance_are_never_failed() -> None:
    looks = [look(after, source="1.4") for after in (1, 15, 30, 45, 62)]
    assert isinstance(verdict(*looks), LookAgain)
    assert isinstance(verdict(*looks, after=601), Unresolved)


def test_an_acknowledged_order_is_never_failed_for_its_absence() -> None:
    acknowledged = replace(SENT, state=S.ACKNOWLEDGED, ref="28")
    assert isinstance(verdict(*[look(t) for t in (1, 15, 30, 45, 62)], of=acknowledged), LookAgain)


def test_one_found_filled_after_it_counted_as_failed_came_late() -> None:
    late = late_execution(replace(SENT, state=S.FAILED), Look(NOW, (record("CONFIRMED", after=90),)), SAFETY)
    assert isinstance(late, Record)
    assert late.ref == "28"


@pytest.mark.parametrize("of", [SENT, CANCEL])
def test_the_ledger_is_never_asked_about_orders_on_the_market(of: Intent) -> None:
    assert not wants_ledger(of, [look(1)], SAFETY)


def test_no_order_left_and_less_locked_is_a_cancellation() -> None:
    found = verdict(look(1, source="0"), of=CANCEL)
    assert isinstance(found, Confirmed)
    assert found.evidence == "no order is open on BTCUSDT; BTC locked 0.5 → 0"


def test_orders_placed_since_do_not_count_against_it() -> None:
    assert isinstance(verdict(look(9, record("PENDING", after=5), source="0.2"), of=CANCEL), Confirmed)


def test_orders_that_stay_open_fail_it_after_the_settle_time() -> None:
    looks = [look(after, record("PENDING", after=-60), source="0.5") for after in (1, 15, 30, 45, 62)]
    assert isinstance(verdict(*looks[:4], of=CANCEL), LookAgain)
    assert isinstance(verdict(*looks, of=CANCEL), Failed)


def test_nothing_open_and_nothing_freed_is_looked_at_again() -> None:
    assert isinstance(verdict(look(1, source="0.5"), of=CANCEL), LookAgain)
