"""Foreign activity: movements that no order explains, and movements that an own order explains after all."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import pytest

from monitor.core.actions.decision import with_client_id
from monitor.core.actions.foreign_activity import (
    EXPLANATION_GRACE,
    add_suspects,
    confirm_suspects,
    describe_foreign_movement,
    movement_kinds_of,
)
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import IdSource, Policy, step
from monitor.core.model.account import CROSS
from monitor.core.model.events import Tick
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import ForeignActivity, LedgerRow, Movement
from monitor.core.model.order import ExchangeRecord, Reduce, Repay
from monitor.core.model.reads import OrderUpdate
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.attribution import attribute_daemon_order, attribute_ledger_rows
from tests.support.examples.actions import NOW, cancel_spec, intent, reduce_spec, repay_spec, seconds, transfer_spec

D = Decimal
S = IntentState
LATER = NOW + EXPLANATION_GRACE
WATCH = timedelta(minutes=20)
ROW = LedgerRow(CROSS, 9, 77, NOW - seconds(60), "USDT", "REPAY", D(500))
MANUAL_RECORD = ExchangeRecord("77", "USDT", D(500), "CONFIRMED", NOW - seconds(60))
BEFORE = NOW - seconds(61)
SENT_REPAYMENT = intent(3, S.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=NOW - seconds(61))
SALE = Reduce(CROSS, "USDT", D(300), "BTCUSDT", "SELL", D("0.005"), D(59_400), "BTC")


def repayment_movements() -> tuple[Movement, ...]:
    return attribute_ledger_rows([ROW], [MANUAL_RECORD], [], NOW)


def foreign_count(hands: ForeignActivity, *intents: Intent) -> int:
    return len(confirm_suspects(hands, intents, LATER, WATCH)[0].confirmed)


def test_only_kinds_of_sending_actions_are_watched() -> None:
    assert movement_kinds_of([repay_spec(mode="dry-run"), cancel_spec()]) == frozenset()
    assert movement_kinds_of([transfer_spec(use="collateral")]) == {"transfer_in"}
    assert movement_kinds_of([transfer_spec(mode="approve")]) == {"transfer_in", "repay"}
    assert movement_kinds_of([reduce_spec()]) == {"reduce", "repay"}
    assert (
        add_suspects(ForeignActivity(), repayment_movements(), [transfer_spec(use="collateral")], NOW)
        == ForeignActivity()
    )


def test_foreign_repayment_is_reported_once_after_a_grace_period() -> None:
    hands = add_suspects(ForeignActivity(), repayment_movements(), [repay_spec()], NOW)
    assert confirm_suspects(hands, (), LATER - seconds(1), WATCH) == (hands, ())
    hands, newly = confirm_suspects(hands, (), LATER, WATCH)
    assert [(found.kind, found.amount, found.at) for found in newly] == [("repay", D(500), ROW.at)]
    # The same rows are read again and again.
    again = add_suspects(hands, repayment_movements(), [repay_spec()], LATER)
    assert confirm_suspects(again, (), LATER, WATCH) == (hands, ())
    hands, newly = confirm_suspects(hands, (), NOW + seconds(86_340), WATCH)
    assert (hands, newly) == (ForeignActivity(), ())


def test_foreign_movement_is_described_with_amount_scope_and_time() -> None:
    hands = add_suspects(ForeignActivity(), repayment_movements(), [repay_spec()], NOW)
    (movement,) = hands.suspects.values()
    assert describe_foreign_movement(movement) == "500 USDT repaid in cross at 21:14:30 UTC by no order of this record"


@pytest.mark.parametrize("on_foreign_hand", ["pause", "tell"])
def test_pause_for_foreign_activity_is_sent_to_every_channel(
    on_foreign_hand: Literal["pause", "tell"],
) -> None:
    policy = Policy(
        AccountSettings("main"),
        routing=ChannelRouting(channels=("phone", "mail")),
        actions=(repay_spec(),),
        safety=SafetySettings(on_foreign_hand=on_foreign_hand),
    )
    state = AccountState(
        "main", NOW, foreign_activity=add_suspects(ForeignActivity(), repayment_movements(), policy.actions, NOW)
    )
    entry = step(state, Tick(), policy, LATER, IdSource(lambda: 1, lambda: 1)).entry
    if on_foreign_hand == "tell":
        assert (entry.paused_by, entry.notices) == ("", ())
        return
    (notice,) = entry.notices
    assert (notice.severity, notice.channels) == ("critical", ("phone", "mail"))
    assert "actions resume" in notice.text
    assert "500 USDT" in entry.paused_by
    assert entry.paused_by in notice.text


@pytest.mark.parametrize(
    "ours",
    [
        SENT_REPAYMENT,
        replace(SENT_REPAYMENT, state=S.SUBMITTING, submitted_at=None, created_at=BEFORE),
        replace(
            SENT_REPAYMENT, order=Repay(CROSS, "USDT", D(499)), state=S.PLANNED, submitted_at=None, created_at=BEFORE
        ),
        replace(SENT_REPAYMENT, state=S.UNRESOLVED),
        replace(SENT_REPAYMENT, state=S.FAILED),
        replace(SENT_REPAYMENT, state=S.FAILED, submitted_at=NOW - seconds(1500), settled_at=NOW - seconds(1200)),
        replace(SENT_REPAYMENT, mode="manual"),
    ],
    ids=lambda intent: f"{intent.state} {intent.mode}",
)
def test_movement_that_an_own_intent_may_explain_is_not_foreign(ours: Intent) -> None:
    assert foreign_count(add_suspects(ForeignActivity(), repayment_movements(), [repay_spec()], NOW), ours) == 0


@pytest.mark.parametrize(
    "ours",
    [
        replace(SENT_REPAYMENT, state=S.REFUSED),
        replace(SENT_REPAYMENT, order=Repay(CROSS, "USDT", D(499))),
        replace(SENT_REPAYMENT, order=Repay(CROSS, "ETH", D(500))),
        replace(SENT_REPAYMENT, submitted_at=NOW - seconds(3600)),
        replace(SENT_REPAYMENT, submitted_at=NOW - seconds(100), settled_at=NOW - seconds(90)),
        replace(SENT_REPAYMENT, state=S.PLANNED, submitted_at=None),
        replace(SENT_REPAYMENT, state=S.UNRESOLVED, submitted_at=NOW - seconds(54)),
        replace(SENT_REPAYMENT, state=S.FAILED, submitted_at=NOW - seconds(1500), settled_at=NOW - seconds(1300)),
    ],
    ids=(
        "refused",
        "another amount",
        "another asset",
        "long ago",
        "confirmed before it",
        "planned later",
        "sent later",
        "no longer watched",
    ),
)
def test_movement_that_no_own_intent_explains_is_foreign(ours: Intent) -> None:
    assert foreign_count(add_suspects(ForeignActivity(), repayment_movements(), [repay_spec()], NOW), ours) == 1


def test_order_explains_one_movement_of_a_scope() -> None:
    rows = [ROW, replace(ROW, id=10, tran_id=78, at=ROW.at + seconds(20))]
    records = [replace(MANUAL_RECORD, ref=str(row.tran_id), at=row.at) for row in rows]
    activity = add_suspects(ForeignActivity(), attribute_ledger_rows(rows, records, [], NOW), [repay_spec()], NOW)
    open_order = replace(SENT_REPAYMENT, state=S.UNRESOLVED)
    _, newly = confirm_suspects(activity, [open_order], LATER, WATCH)
    assert [movement.at for movement in newly] == [rows[1].at]
    # The order that can explain the first alone leaves the other to the second, whichever was decided first.
    proved = replace(SENT_REPAYMENT, id=4, settled_at=ROW.at + seconds(1))
    assert foreign_count(activity, open_order, proved) == 0


def test_order_with_a_movement_of_its_own_explains_no_other() -> None:
    rows = [ROW, replace(ROW, id=10, tran_id=78, at=ROW.at + seconds(1))]
    records = [replace(MANUAL_RECORD, ref=str(row.tran_id), at=row.at) for row in rows]
    ours = replace(SENT_REPAYMENT, ref="77", settled_at=ROW.at + seconds(2))
    first, second = attribute_ledger_rows(rows, records, [ours], NOW)
    activity = add_suspects(ForeignActivity(), [first], [repay_spec()], NOW)
    activity = add_suspects(activity, [second], [repay_spec()], NOW)
    _, newly = confirm_suspects(activity, [ours], LATER, WATCH)
    assert [movement.at for movement in newly] == [rows[1].at]


def test_movement_that_is_known_as_own_is_no_suspect() -> None:
    activity = add_suspects(ForeignActivity(), repayment_movements(), [repay_spec()], NOW)
    activity, _ = confirm_suspects(activity, (), LATER, WATCH)
    assert activity.confirmed
    ours = replace(SENT_REPAYMENT, ref="77")
    own = attribute_ledger_rows([ROW], [MANUAL_RECORD], [ours], NOW)
    activity = add_suspects(activity, own, [repay_spec()], LATER)
    assert (activity.suspects, activity.confirmed) == ({}, frozenset())
    # Also where its order is not known for a while.
    assert add_suspects(activity, repayment_movements(), [repay_spec()], LATER) == activity


def test_foreign_movement_is_reported_once_though_an_order_explains_it_meanwhile() -> None:
    activity = add_suspects(ForeignActivity(), repayment_movements(), [repay_spec()], NOW)
    activity, newly = confirm_suspects(activity, (), LATER, WATCH)
    assert len(newly) == 1
    activity, newly = confirm_suspects(activity, [SENT_REPAYMENT], LATER, WATCH)
    assert (activity.confirmed, newly) == (frozenset(), ())
    activity, newly = confirm_suspects(activity, (), LATER, WATCH)
    assert (len(activity.confirmed), newly) == (1, ())


def test_market_order_with_the_client_id_of_another_daemon_is_foreign() -> None:
    born = intent(5, S.PLANNED, SALE)
    order = with_client_id(SALE, born)
    assert isinstance(order, Reduce)
    told = OrderUpdate(8, "BTCUSDT", False, NOW, order.client_id, D("0.005"))
    assert attribute_daemon_order(CROSS, told, [replace(born, order=order)], NOW) == ()
    others = attribute_daemon_order(CROSS, told, [replace(born, order=replace(order, client_id="mm-6-1"))], NOW)
    assert foreign_count(add_suspects(ForeignActivity(), others, [reduce_spec()], NOW), born) == 1
    assert foreign_count(add_suspects(ForeignActivity(), others, [repay_spec()], NOW)) == 0
