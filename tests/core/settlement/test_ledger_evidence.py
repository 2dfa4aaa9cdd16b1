"""Ledger evidence: other movements of a balance, separated from the order by time, as far as two clocks allow."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow, Movement
from monitor.core.model.order import ExchangeRecord, Repay, Transfer
from monitor.core.settlement.ledger_evidence import other_movements, others_act_beside, sum_other_transfers
from monitor.core.settlement.observation import Confirmed, Failed, Observation
from monitor.core.settlement.verification import verify
from tests.support.examples.actions import NOW, SAFETY

REPAY_INTENT = Intent(
    3, 1, "repay-idle", "repay", "live", "main", Repay(CROSS, "USDT", Decimal(390)), IntentState.UNCERTAIN,
    Decimal(390), NOW, submitted_at=NOW,
)  # fmt: skip


@pytest.mark.parametrize(("after_ms", "counts"), [(-500, False), (200, False), (300, True), (570, True), (5_000, True)])
def test_ledger_row_well_after_the_request_is_foreign(after_ms: int, counts: bool) -> None:
    row = LedgerRow(CROSS, 7, 78, NOW + timedelta(milliseconds=after_ms), "USDT", "REPAY", Decimal(958))
    assert other_movements(REPAY_INTENT, [row], None, NOW) == ((row,) if counts else ())


def test_ledger_row_of_another_asset_is_ignored() -> None:
    row = LedgerRow(CROSS, 7, 78, NOW + timedelta(seconds=2), "BTC", "REPAY", Decimal(958))
    assert other_movements(REPAY_INTENT, [row], None, NOW) == ()


WATCH = timedelta(minutes=20)
MOVED = Movement(
    CROSS, "capital-flow", "9", NOW, NOW, "USDT", Decimal(9), "REPAY", "another hand", detail={"tranId": 9}
)  # fmt: skip


@pytest.mark.parametrize(("after_s", "acts"), [(-601, False), (-599, True), (5, True), (172_800, True)])
def test_others_act_beside_an_order_from_ten_minutes_before_it_on(after_s: int, acts: bool) -> None:
    moved = replace(MOVED, at=NOW + timedelta(seconds=after_s))
    assert others_act_beside(REPAY_INTENT, [moved], [REPAY_INTENT], WATCH) is acts
    assert not others_act_beside(REPAY_INTENT, [replace(moved, origin="another hand or exchange")], [], WATCH)
    by_hand = replace(REPAY_INTENT, order=Repay(CROSS, "USDT", Decimal(9)), submitted_at=moved.at)
    assert not others_act_beside(REPAY_INTENT, [moved], [REPAY_INTENT, by_hand], WATCH)


def test_others_act_beside_an_order_by_moving_its_asset_or_by_another_daemon() -> None:
    assert not others_act_beside(REPAY_INTENT, [replace(MOVED, asset="BTC")], [], WATCH)
    placed = replace(MOVED, kind="order", asset="BTCUSDT", type="ORDER")
    assert others_act_beside(REPAY_INTENT, [placed], [], WATCH)


def test_others_act_beside_an_order_by_equal_movements_that_it_does_not_explain() -> None:
    equal = replace(MOVED, amount=REPAY_INTENT.amount)
    moved = [replace(equal, key=str(after), at=NOW + timedelta(seconds=after)) for after in (-500, -300, -60, 20, 80)]
    assert not others_act_beside(REPAY_INTENT, moved[3:4], [REPAY_INTENT], WATCH)
    for others in (moved, moved[:3], moved[2:3], moved[3:]):
        assert others_act_beside(REPAY_INTENT, others, [REPAY_INTENT], WATCH)
    own = replace(moved[3], origin="ours", intent=REPAY_INTENT.id)
    assert not others_act_beside(REPAY_INTENT, [own], [REPAY_INTENT], WATCH)
    assert others_act_beside(REPAY_INTENT, [own, moved[4]], [REPAY_INTENT], WATCH)


def test_late_execution_of_a_watched_order_is_not_that_of_others() -> None:
    failed = replace(REPAY_INTENT, state=IntentState.FAILED, settled_at=NOW + timedelta(minutes=5))
    moved = replace(MOVED, amount=failed.amount, at=NOW + timedelta(minutes=24))
    assert not others_act_beside(failed, [moved], [failed], WATCH)
    assert others_act_beside(failed, [replace(moved, at=NOW + timedelta(minutes=26))], [failed], WATCH)


def transfer(number: int, after_s: float, amount: int = 1433, **more: Any) -> Intent:
    given: dict[str, Any] = {"order": Transfer("spot", CROSS, "USDT", Decimal(amount)), "state": IntentState.CONFIRMED}
    given |= {"submitted_at": NOW + timedelta(seconds=after_s), **more}
    order, state = given.pop("order"), given.pop("state")
    return Intent(
        number, 1, "top-up", "transfer_in", "live", "main", order, state, Decimal(amount), NOW, **given
    )  # fmt: skip


INTO_PAIR = transfer(
    2, 0, 196, order=Transfer("spot", Scope("BTCUSDT"), "USDT", Decimal(196)), state=IntentState.UNRESOLVED
)


def test_later_own_transfers_explain_a_reduced_source() -> None:
    assert sum_other_transfers(INTO_PAIR, [INTO_PAIR, transfer(5, 84), transfer(6, 90, 100)]) == 1533


@pytest.mark.parametrize(
    "other",
    [
        transfer(1, -5),
        transfer(5, 84, state=IntentState.UNCERTAIN),
        transfer(5, 84, order=Transfer("funding", CROSS, "USDT", Decimal(1433))),
        transfer(5, 84, order=Transfer("spot", CROSS, "BTC", Decimal(1433))),
    ],
    ids=["sent before", "not proven", "another wallet", "another asset"],
)
def test_unrelated_or_unproven_transfers_do_not_explain_a_reduced_source(other: Intent) -> None:
    assert sum_other_transfers(INTO_PAIR, [other]) == 0


def test_transfer_without_any_trace_fails_although_another_emptied_its_source() -> None:
    sent = replace(INTO_PAIR, source_before=Decimal(2066), free_before=Decimal(64), state=IntentState.UNCERTAIN)
    looks = [
        Observation(
            NOW + timedelta(seconds=10 * n),
            (),
            free=Decimal(64),
            source=Decimal(633),
            sent_elsewhere=Decimal(1433),
            ledger=(),
        )
        for n in range(1, 8)
    ]
    assert isinstance(verify(sent, looks, SAFETY, looks[-1].at), Failed)
    unexplained = [replace(look, sent_elsewhere=Decimal(0)) for look in looks]
    assert not isinstance(verify(sent, unexplained, SAFETY, looks[-1].at), Failed)


@pytest.mark.parametrize(("after_s", "decided"), [(20, False), (70, True)])
def test_history_and_ledger_confirm_a_transfer_that_other_movements_mask(after_s: int, decided: bool) -> None:
    # 1,970 arrived in cross, where a manual order then locked 2,000; 500 more arrived in spot.
    sent = transfer(1, 0, 1970, state=IntentState.UNCERTAIN, source_before=Decimal(7882), free_before=Decimal(5912))
    at = NOW + timedelta(seconds=after_s)
    look = Observation(
        at,
        (ExchangeRecord("100", "USDT", Decimal(1970), "CONFIRMED", NOW + timedelta(seconds=1)),),
        free=Decimal(5882),
        source=Decimal(6412),
        ledger=(LedgerRow(CROSS, 7, 100, NOW + timedelta(seconds=1), "USDT", "TRANSFER", Decimal(1970)),),
    )
    verdict = verify(sent, [look], SAFETY, at)
    assert isinstance(verdict, Confirmed) is decided
    alone = verify(sent, [replace(look, ledger=())], SAFETY, at)
    assert not isinstance(alone, Confirmed | Failed)
