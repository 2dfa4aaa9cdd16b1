"""When a confirmed order counts as having made things worse, and what is allowed for."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.decision import Decision
from monitor.core.actions.level_loss import Untold, Worsening, balances_of, worsening
from monitor.core.model.account import CROSS, Balance, Price, Scope
from monitor.core.model.blocks import RuleStop
from monitor.core.model.events import OperatorRead
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import ByName, Order, Reduce, Repay, Transfer
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from tests.core.actions.test_decision import decided, only, proposed
from tests.support.examples.actions import (
    EXAMPLE,
    NOW,
    SETTINGS,
    D,
    account,
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


def done(order: Order | None = None, **changes: object) -> Intent:
    """A confirmed order that left five seconds ago, when the account was as in the example."""
    before = balances_of(account(), CROSS)
    made = intent(7, S.CONFIRMED, order or Repay(CROSS, "USDT", D(10_000)), submitted_at=NOW - seconds(5))
    return replace(made, settled_at=NOW, balances_before=before, **changes)  # type: ignore[arg-type]  # fields by name


def found(
    *after: Balance, order: Order | None = None, beside: tuple[Intent, ...] = (), **prices: str
) -> Decimal | None:
    """The level at which the account is worse off; None where it is not."""
    made = done(order)
    state = account(*after, intents=(made, *beside))
    known = {**state.prices, **{f"{asset}USDT": Price(D(value), NOW) for asset, value in prices.items()}}
    what = worsening(replace(state, prices=known, cross_prices=known), made, SETTINGS, NOW)
    assert not isinstance(what, Untold)
    return None if what is None else what.level


def taken(amount: str) -> tuple[Balance, ...]:
    """The repaid account of which so much USDT is gone beside."""
    return (REPAID[0], replace(REPAID[1], free=REPAID[1].free - D(amount)), REPAID[2])


def test_what_helped_is_fine() -> None:
    assert found(*REPAID) is None


def test_a_level_that_is_lower_than_before_is_worse_and_says_what_is_gone() -> None:
    made = done()
    what = worsening(account(*taken("9000"), intents=(made,)), made, SETTINGS, NOW)
    assert isinstance(what, Worsening)
    assert what.level == D("1.82")
    assert "9000 USDT" in what.words
    assert "1.82" in what.words and "1.83333333" in what.words


@pytest.mark.parametrize(("btc", "eth"), [("50000", "3000"), ("60000", "4000"), ("30000", "3000")])
def test_prices_explain_what_they_did_and_no_more(btc: str, eth: str) -> None:
    assert found(*REPAID, BTC=btc, ETH=eth) is None
    assert found(*taken("9500"), BTC=btc, ETH=eth) is not None


def test_a_thousandth_of_the_level_is_no_change() -> None:
    # 1.8333 is where it was: 8333.33 of the 10,000 USDT gain may be gone, and 0.1 % of the level more.
    assert found(*taken("8400")) is None
    assert found(*taken("8450")) is not None


def test_an_order_on_the_market_may_lose_what_its_price_bound_allows() -> None:
    sells = Reduce(CROSS, "USDT", D(30_000), "BTCUSDT", "SELL", D("0.5"), D(59_400), "BTC")
    # Sold at 59,400 less the fee: 30,000 USDT of BTC brought 29,670.3, of which nothing is repaid yet.
    sold = (balance("BTC", "1.0"), balance("USDT", "49670.3", borrowed="30000"), EXAMPLE[2])
    assert found(*sold, order=sells) is None
    # The price has risen since: what was sold can't have gained.
    assert found(*sold, order=sells, BTC="63000") is None
    worse = (sold[0], replace(sold[1], free=D(49_000)), sold[2])
    assert found(*worse, order=sells) is not None


def test_the_other_orders_of_this_program_are_no_loss() -> None:
    hop = intent(8, S.CONFIRMED, Transfer("cross", Scope("BTCUSDT"), "USDT", D(9000)), submitted_at=NOW - seconds(3))
    assert found(*taken("9000"), beside=(hop,)) is None
    out = replace(hop, mode="manual", kind="transfer_out", order=ByName("transfer_out", CROSS, "USDT", D(9000)))
    assert found(*taken("9000"), beside=(out,)) is None
    assert found(*taken("9000"), beside=(replace(out, submitted_at=NOW - seconds(60)),)) is not None


def test_what_can_not_be_told_is_not_taken_for_not_worse() -> None:
    made = done()
    worse = account(*taken("9000"), intents=(made,))
    forgotten = worsening(worse, replace(made, balances_before=()), SETTINGS, NOW)
    assert forgotten == Untold("the balances of before are not recorded", is_lasting=True)
    unread = worsening(worse, replace(made, submitted_at=NOW + seconds(1)), SETTINGS, NOW)
    assert unread == Untold("its scope was not read since it was sent")
    blind = replace(worse, prices={}, cross_prices={})
    assert isinstance(worsening(blind, made, SETTINGS, NOW), Untold)


def test_nothing_owed_is_not_worse() -> None:
    assert found(balance("BTC", "0.1"), order=Repay(CROSS, "USDT", D(30_000))) is None


STOP = RuleStop("main", "near-call", 7, NOW - seconds(60), "the level is 1.2", frozenset({1}))


def stopped(state: AccountState, **orders: object) -> AccountState:
    return apply(state, OperatorRead(stopped=(STOP,), **orders), NOW)  # type: ignore[arg-type]  # fields by name


def test_the_actions_of_a_stopped_rule_are_held_with_the_reason() -> None:
    state = stopped(account(alerts=(alert(),)))
    for mode in ("live", "approve"):
        what = decided(state, repay_spec(mode=mode))
        assert what.intents == ()
        held = what.blocked[CROSS, "repay"]
        assert "R-7 made things worse: the level is 1.2" in held.reason and "actions resume" in held.reason
        assert held.counts is (mode == "live")
    assert only(decided(state, repay_spec(mode="dry-run"))).state is S.SIMULATED
    other = account(alerts=(alert(2, rule="margin-call"),))
    call = rule("repay", name="margin-call")
    assert only(decided(stopped(other), repay_spec(), rules=[call])).state is S.PLANNED
    elsewhere = apply(account(alerts=(alert(),)), OperatorRead(stopped=(replace(STOP, account="second"),)), NOW)
    assert only(decided(elsewhere, repay_spec())).state is S.PLANNED


def test_the_actions_of_a_rule_wait_until_its_order_is_judged() -> None:
    made = replace(done(), alert=1, plan=1)
    state = account(alerts=(alert(),), intents=(replace(made, awaits_judgement=True),))
    what = decided(state, repay_spec(mode="live", cooldown=seconds(0)))
    assert what.intents == ()
    held = what.blocked[CROSS, "repay"]
    assert "whether R-7 made things worse is not known yet" in held.reason and not held.counts
    judged = account(alerts=(alert(),), intents=(made,))
    assert "made things worse" not in str(decided(judged, repay_spec(mode="live", cooldown=seconds(0))).blocked)


def test_a_proposal_of_a_stopped_rule_waits_and_never_acts_alone() -> None:
    state = account(alerts=(alert(),), intents=(proposed(),))
    spec = repay_spec(mode="approve", on_no_answer="act")
    approved = stopped(state, decisions={7: True}, asked={7: NOW})
    assert decided(approved, spec, measured=False) == Decision(blocked=approved.blocked)
    unanswered = stopped(state, asked={7: NOW})
    assert only(decided(unanswered, spec, now=NOW + seconds(60), measured=False)).state is S.EXPIRED


def test_the_second_half_of_an_order_of_a_stopped_rule_is_not_made() -> None:
    brought = intent(
        6,
        S.CONFIRMED,
        Transfer("spot", CROSS, "USDT", D(5000)),
        submitted_at=NOW - seconds(20),
        settled_at=NOW - seconds(5),
    )
    state = account(intents=(brought,))
    assert only(decided(state, transfer_spec())).kind == "repay"
    assert decided(stopped(state), transfer_spec()).intents == ()
