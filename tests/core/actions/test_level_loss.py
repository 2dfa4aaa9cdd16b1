"""Level loss of a confirmed order, and the differences that are allowed for."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.decision import Decision
from monitor.core.actions.level_loss import LevelLoss, UnknownLoss, find_level_loss, scope_balances
from monitor.core.model.account import CROSS, Balance, Price, Scope
from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.events import CommandsRead
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import ManualCall, Order, Reduce, Repay, Transfer
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.price_state import PriceState, SnapshotPrices
from tests.core.actions.test_decision import decision_for, proposal, single_intent
from tests.support.examples.actions import (
    EXAMPLE,
    NOW,
    SETTINGS,
    D,
    account_state,
    alert,
    balance,
    intent,
    repay_spec,
    rule,
    seconds,
    transfer_spec,
)

S = IntentState
REPAID = (balance("BTC", "1.5"), balance("USDT", "10000", borrowed="20000"), balance("ETH", borrowed="10"))
"""The example once 10,000 USDT are repaid: a level of 2 instead of 1.8333."""


def confirmed_order(order: Order | None = None, **changes: object) -> Intent:
    """A confirmed order that left five seconds ago, when the account was as in the example."""
    before = scope_balances(account_state(), CROSS)
    made = intent(7, S.CONFIRMED, order or Repay(CROSS, "USDT", D(10_000)), submitted_at=NOW - seconds(5))
    return replace(made, settled_at=NOW, balances_before=before, **changes)  # type: ignore[arg-type]  # fields by name


def worse_level(
    *after: Balance, order: Order | None = None, beside: tuple[Intent, ...] = (), **prices: str
) -> Decimal | None:
    """Level of the account after a level loss; None if there is none."""
    made = confirmed_order(order)
    state = account_state(*after, intents=(made, *beside))
    known = {**state.prices.newest, **{f"{asset}USDT": Price(D(value), NOW) for asset, value in prices.items()}}
    what = find_level_loss(
        replace(state, prices=PriceState(known, at_cross=SnapshotPrices(known))), made, SETTINGS, NOW
    )
    assert not isinstance(what, UnknownLoss)
    return None if what is None else what.level


def repaid_balances_less(amount: str) -> tuple[Balance, ...]:
    """The account after the repayment, with this much USDT missing."""
    return (REPAID[0], replace(REPAID[1], free=REPAID[1].free - D(amount)), REPAID[2])


def test_improvement_is_not_worse() -> None:
    assert worse_level(*REPAID) is None


def test_lower_level_is_worse_and_names_the_missing_amount() -> None:
    made = confirmed_order()
    what = find_level_loss(account_state(*repaid_balances_less("9000"), intents=(made,)), made, SETTINGS, NOW)
    assert isinstance(what, LevelLoss)
    assert what.level == D("1.82")
    assert "9000 USDT" in what.text
    assert "1.82" in what.text and "1.83333333" in what.text


@pytest.mark.parametrize(("btc", "eth"), [("50000", "3000"), ("60000", "4000"), ("30000", "3000")])
def test_price_changes_are_allowed_for(btc: str, eth: str) -> None:
    assert worse_level(*REPAID, BTC=btc, ETH=eth) is None
    assert worse_level(*repaid_balances_less("9500"), BTC=btc, ETH=eth) is not None


def test_difference_of_a_thousandth_is_ignored() -> None:
    # 1.8333 is where it was: 8333.33 of the 10,000 USDT gain may be gone, and 0.1 % of the level more.
    assert worse_level(*repaid_balances_less("8400")) is None
    assert worse_level(*repaid_balances_less("8450")) is not None


def test_market_order_may_lose_up_to_its_price_limit() -> None:
    sells = Reduce(CROSS, "USDT", D(30_000), "BTCUSDT", "SELL", D("0.5"), D(59_400), "BTC")
    # Sold at 59,400 less the fee: 30,000 USDT of BTC brought 29,670.3, of which nothing is repaid yet.
    sold = (balance("BTC", "1.0"), balance("USDT", "49670.3", borrowed="30000"), EXAMPLE[2])
    assert worse_level(*sold, order=sells) is None
    # The price has risen since: what was sold can't have gained.
    assert worse_level(*sold, order=sells, BTC="63000") is None
    worse = (sold[0], replace(sold[1], free=D(49_000)), sold[2])
    assert worse_level(*worse, order=sells) is not None


def test_own_other_orders_are_allowed_for() -> None:
    hop = intent(8, S.CONFIRMED, Transfer("cross", Scope("BTCUSDT"), "USDT", D(9000)), submitted_at=NOW - seconds(3))
    assert worse_level(*repaid_balances_less("9000"), beside=(hop,)) is None
    out = replace(hop, mode="manual", kind="transfer_out", order=ManualCall("transfer_out", CROSS, "USDT", D(9000)))
    assert worse_level(*repaid_balances_less("9000"), beside=(out,)) is None
    assert (
        worse_level(*repaid_balances_less("9000"), beside=(replace(out, submitted_at=NOW - seconds(60)),)) is not None
    )
    late = replace(hop, state=S.FAILED, executed_late=True)
    assert worse_level(*repaid_balances_less("9000"), beside=(late,)) is None


def test_own_other_sales_may_lose_up_to_their_price_limit() -> None:
    order = Reduce(CROSS, "USDT", D(30_000), "BTCUSDT", "SELL", D("0.5"), D(59_400), "BTC")
    sale = intent(8, S.CONFIRMED, order, submitted_at=NOW - seconds(3))
    assert worse_level(*repaid_balances_less("8600")) is not None
    assert worse_level(*repaid_balances_less("8600"), beside=(sale,)) is None
    assert worse_level(*repaid_balances_less("8800"), beside=(sale,)) is not None


def test_unknown_loss_is_not_taken_for_no_loss() -> None:
    made = confirmed_order()
    worse = account_state(*repaid_balances_less("9000"), intents=(made,))
    forgotten = find_level_loss(worse, replace(made, balances_before=()), SETTINGS, NOW)
    assert forgotten == UnknownLoss("the balances of before are not recorded", is_lasting=True)
    unread = find_level_loss(worse, replace(made, submitted_at=NOW + seconds(1)), SETTINGS, NOW)
    assert unread == UnknownLoss("its scope was not read since it was sent")
    blind = replace(worse, prices=PriceState())
    assert isinstance(find_level_loss(blind, made, SETTINGS, NOW), UnknownLoss)


def test_nothing_owed_is_not_worse() -> None:
    assert worse_level(balance("BTC", "0.1"), order=Repay(CROSS, "USDT", D(30_000))) is None


STOP = RuleStop("main", "near-call", 7, NOW - seconds(60), "the level is 1.2", frozenset({1}))


def with_rule_stop(state: AccountState, **orders: object) -> AccountState:
    return apply_account_event(state, CommandsRead(stopped_rules=(STOP,), **orders), NOW)  # type: ignore[arg-type]  # fields by name


def test_actions_of_a_stopped_rule_are_blocked_with_a_reason() -> None:
    state = with_rule_stop(account_state(alerts=(alert(),)))
    for mode in ("live", "approve"):
        what = decision_for(state, repay_spec(mode=mode))
        assert what.intents == ()
        held = what.blocks[CROSS, "repay"]
        assert "R-7 made things worse: the level is 1.2" in held.reason and "actions resume" in held.reason
        assert held.blocks_live_action is (mode == "live")
    assert single_intent(decision_for(state, repay_spec(mode="dry-run"))).state is S.SIMULATED
    other = account_state(alerts=(alert(2, rule="margin-call"),))
    call = rule("repay", name="margin-call")
    assert single_intent(decision_for(with_rule_stop(other), repay_spec(), rules=[call])).state is S.PLANNED
    elsewhere = apply_account_event(
        account_state(alerts=(alert(),)), CommandsRead(stopped_rules=(replace(STOP, account="second"),)), NOW
    )
    assert single_intent(decision_for(elsewhere, repay_spec())).state is S.PLANNED


def test_the_actions_of_a_rule_wait_until_its_order_is_judged() -> None:
    made = replace(confirmed_order(), alert=1, plan=1)
    state = account_state(alerts=(alert(),), intents=(replace(made, awaits_judgement=True),))
    what = decision_for(state, repay_spec(mode="live", cooldown=seconds(0)))
    assert what.intents == ()
    held = what.blocks[CROSS, "repay"]
    assert "whether R-7 made things worse is not known yet" in held.reason and not held.blocks_live_action
    judged = account_state(alerts=(alert(),), intents=(made,))
    assert "made things worse" not in str(decision_for(judged, repay_spec(mode="live", cooldown=seconds(0))).blocks)


def test_a_proposal_of_a_stopped_rule_waits_and_never_acts_alone() -> None:
    state = account_state(alerts=(alert(),), intents=(proposal(),))
    spec = repay_spec(mode="approve", on_no_answer="act")
    approved = with_rule_stop(state, decisions={7: True}, asked_at={7: NOW})
    assert decision_for(approved, spec, measured=False) == Decision(blocks=approved.action_blocks)
    unanswered = with_rule_stop(state, asked_at={7: NOW})
    assert single_intent(decision_for(unanswered, spec, now=NOW + seconds(60), measured=False)).state is S.EXPIRED


def test_stopped_rule_makes_no_follow_up() -> None:
    brought = intent(
        6,
        S.CONFIRMED,
        Transfer("spot", CROSS, "USDT", D(5000)),
        submitted_at=NOW - seconds(20),
        settled_at=NOW - seconds(5),
    )
    state = account_state(intents=(brought,))
    assert single_intent(decision_for(state, transfer_spec())).kind == "repay"
    assert decision_for(with_rule_stop(state), transfer_spec()).intents == ()
