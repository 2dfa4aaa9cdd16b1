"""What is taken for another hand's doing, and what an order of ours explains after all."""

from dataclasses import replace
from decimal import Decimal
from typing import Literal

import pytest

from monitor.core.actions.decision import named
from monitor.core.actions.foreign_activity import GRACE, examined, in_words, kinds_of, suspected
from monitor.core.alerting.lifecycle import Audience
from monitor.core.engine.step import Ids, Policy, step
from monitor.core.model.account import CROSS
from monitor.core.model.events import Tick
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import Hands, LedgerRow, Movement
from monitor.core.model.order import Record, Reduce, Repay
from monitor.core.model.reads import OrderTold
from monitor.core.model.safety import Safety
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.attribution import of_ledger, of_order
from tests.support.examples.actions import NOW, cancel_spec, intent, reduce_spec, repay_spec, seconds, transfer_spec

D = Decimal
S = IntentState
LATER = NOW + GRACE
ROW = LedgerRow(CROSS, 9, 77, NOW - seconds(60), "USDT", "REPAY", D(500))
BY_HAND = Record("77", "USDT", D(500), "CONFIRMED", NOW - seconds(60))
BEFORE = NOW - seconds(61)
SENT = intent(3, S.CONFIRMED, Repay(CROSS, "USDT", D(500)), submitted_at=NOW - seconds(61))
SALE = Reduce(CROSS, "USDT", D(300), "BTCUSDT", "SELL", D("0.005"), D(59_400), "BTC")


def repaid() -> tuple[Movement, ...]:
    return of_ledger([ROW], [BY_HAND], [], NOW)


def found(hands: Hands, *intents: Intent) -> int:
    return len(examined(hands, intents, LATER)[0].found)


def test_what_actions_that_send_do_is_watched_and_nothing_else() -> None:
    assert kinds_of([repay_spec(mode="dry-run"), cancel_spec()]) == frozenset()
    assert kinds_of([transfer_spec(use="collateral")]) == {"transfer_in"}
    assert kinds_of([transfer_spec(mode="approve")]) == {"transfer_in", "repay"}
    assert kinds_of([reduce_spec()]) == {"reduce", "repay"}
    assert suspected(Hands(), repaid(), [transfer_spec(use="collateral")], NOW) == Hands()


def test_a_repayment_by_nobody_here_is_found_after_a_moment_of_grace_and_once() -> None:
    hands = suspected(Hands(), repaid(), [repay_spec()], NOW)
    assert examined(hands, (), LATER - seconds(1)) == (hands, ())
    hands, newly = examined(hands, (), LATER)
    assert in_words(newly[0]) == "500 USDT repaid in cross at 21:14:30 UTC by no order of this record"
    # The same rows are read again and again.
    assert examined(suspected(hands, repaid(), [repay_spec()], LATER), (), LATER) == (hands, ())
    hands, newly = examined(hands, (), NOW + seconds(86_340))
    assert (hands, newly) == (Hands(), ())


@pytest.mark.parametrize("on_foreign_hand", ["pause", "tell"])
def test_a_pause_for_another_hand_is_told_to_every_channel_without_any_rule(
    on_foreign_hand: Literal["pause", "tell"],
) -> None:
    policy = Policy(
        Settings("main"),
        audience=Audience(channels=("phone", "mail")),
        actions=(repay_spec(),),
        safety=Safety(on_foreign_hand=on_foreign_hand),
    )
    state = AccountState("main", NOW, hands=suspected(Hands(), repaid(), policy.actions, NOW))
    entry = step(state, Tick(), policy, LATER, Ids(lambda: 1, lambda: 1)).entry
    said = [(one.severity, one.channels, one.text) for one in entry.notices]
    if on_foreign_hand == "tell":
        assert (entry.paused_by, said) == ("", [])
        return
    text = (
        "all actions are paused: another hand is at work (foreign-hand: account main, 500 USDT repaid in cross at "
        "21:14:30 UTC by no order of this record). See who it is, then `margin-monitor actions resume`"
    )
    assert said == [("critical", ("phone", "mail"), text)]
    assert entry.paused_by in text


@pytest.mark.parametrize(
    "ours",
    [
        SENT,
        replace(SENT, state=S.SUBMITTING, submitted_at=None),
        replace(SENT, order=Repay(CROSS, "USDT", D(499)), state=S.PLANNED, submitted_at=None, created_at=BEFORE),
        replace(SENT, state=S.UNRESOLVED),
        replace(SENT, state=S.FAILED),
        replace(SENT, mode="manual"),
    ],
    ids=lambda one: f"{one.state} {one.mode}",
)
def test_what_an_order_of_ours_explains_or_may_yet_explain_is_not_anothers(ours: Intent) -> None:
    assert found(suspected(Hands(), repaid(), [repay_spec()], NOW), ours) == 0


@pytest.mark.parametrize(
    "ours",
    [
        replace(SENT, state=S.REFUSED),
        replace(SENT, order=Repay(CROSS, "USDT", D(499))),
        replace(SENT, order=Repay(CROSS, "ETH", D(500))),
        replace(SENT, submitted_at=NOW - seconds(3600)),
        replace(SENT, state=S.PLANNED, submitted_at=None),
    ],
    ids=("refused", "another amount", "another asset", "long ago", "planned later"),
)
def test_what_it_does_not_explain_is(ours: Intent) -> None:
    assert found(suspected(Hands(), repaid(), [repay_spec()], NOW), ours) == 1


def test_an_order_that_another_daemon_named_is_its_and_ours_is_ours() -> None:
    born = intent(5, S.PLANNED, SALE)
    order = named(SALE, born)
    assert isinstance(order, Reduce)
    told = OrderTold(8, "BTCUSDT", False, NOW, order.client_id, D("0.005"))
    assert of_order(CROSS, told, [replace(born, order=order)], NOW) == ()
    others = of_order(CROSS, told, [replace(born, order=replace(order, client_id="mm-6-1"))], NOW)
    assert found(suspected(Hands(), others, [reduce_spec()], NOW), born) == 1
    assert found(suspected(Hands(), others, [repay_spec()], NOW)) == 0
