"""The last look before an order is sent."""

from dataclasses import replace

import pytest

from monitor.core.actions.decision import named
from monitor.core.actions.revalidation import NoLonger, balances, recheck
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS, Price
from monitor.core.model.alert import AlertState
from monitor.core.model.events import HealthRead, OperatorRead
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Reduce, Repay, Transfer
from monitor.core.model.reads import MarketsRead, MinimaRead
from monitor.core.model.symbols import Market
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from tests.support.examples.actions import (
    KEY,
    NOW,
    SETTINGS,
    D,
    about,
    account,
    alert,
    balance,
    intent,
    matches,
    reduce_spec,
    repay_spec,
    seconds,
    transfer_spec,
)

PLANNED = intent(1, order=Repay(CROSS, "USDT", D(10_000)))
TRANSFER = Transfer("spot", CROSS, "USDT", D(5000))
BRING = intent(1, order=TRANSFER)


def checked(state: AccountState, planned: Intent = PLANNED, spec: ActionSpec | None = None) -> Intent | NoLonger:
    known = replace(state, intents={**state.intents, planned.id: planned})
    return recheck(known, planned, [spec or repay_spec()], SETTINGS, NOW)


def sized(found: Intent | NoLonger) -> Intent:
    assert isinstance(found, Intent), found
    return found


def test_what_is_still_wanted_goes_with_what_the_account_shows_before_it() -> None:
    found = sized(checked(account(alerts=(alert(),))))
    assert matches(found.order, PLANNED.order)
    assert (found.owed_before, found.free_before, found.source_before) == (D(30_000), D(20_000), None)


def test_the_amount_follows_the_debt_at_the_moment_of_sending() -> None:
    rows = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="29000"), balance("ETH", borrowed="10"))
    # 2 · 59,000 − 110,000
    assert about(sized(checked(account(*rows, alerts=(alert(),)))).amount, 8000)
    rows = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="31000"), balance("ETH", borrowed="10"))
    assert about(sized(checked(account(*rows, alerts=(alert(),)))).amount, 12_000)


def test_what_a_person_approved_never_grows() -> None:
    rows = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="31000"), balance("ETH", borrowed="10"))
    approved = replace(PLANNED, mode="approve")
    spec = repay_spec(mode="approve")
    assert sized(checked(account(*rows, alerts=(alert(),)), approved, spec)).amount == 10_000


def test_what_was_wanted_to_repay_with_is_not_brought_in_as_collateral() -> None:
    unknown = intent(9, IntentState.UNCERTAIN, submitted_at=NOW)
    found = checked(account(alerts=(alert(),), intents=(unknown,), spot={"USDT": "90000"}), BRING, transfer_spec())
    assert found == NoLonger("another order is wanted now")


def test_a_transfer_knows_its_source_before() -> None:
    found = sized(checked(account(alerts=(alert(),), spot={"USDT": "9000"}), BRING, transfer_spec()))
    assert about(found.amount, 5000)
    assert found.source_before == 9000


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (account(), "does not fire"),
        (account(alerts=(alert(state=AlertState.RESOLVED),)), "does not fire"),
        (
            account(balance("BTC", "2.5"), balance("USDT", "1", borrowed="30000"), alerts=(alert(),)),
            "target is reached",
        ),
        (replace(account(alerts=(alert(),)), operator=OperatorRead(paused=True)), "paused"),
        (replace(account(alerts=(alert(),)), health=HealthRead(store_failing=True)), "journal"),
        (replace(account(alerts=(alert(),)), key=replace(KEY, withdrawals=True)), "withdraw"),
        (account(alerts=(alert(),), now=NOW - seconds(30)), "max_data_age"),
        (account(balance("BTC", "1.5"), balance("ETH", "9", borrowed="30"), alerts=(alert(),)), "not owed"),
    ],
)
def test_what_changed_since_it_was_planned_stops_it(state: AccountState, words: str) -> None:
    found = checked(state)
    assert isinstance(found, NoLonger)
    assert words in found.reason


@pytest.mark.parametrize(
    "state",
    [
        account(alerts=(alert(unknown_since=NOW),)),
        replace(account(alerts=(alert(),)), key=None, key_accepted=None),
        replace(account(alerts=(alert(),)), cross=None),
    ],
)
def test_what_is_not_known_yet_only_puts_it_off(state: AccountState) -> None:
    found = checked(state)
    assert isinstance(found, NoLonger)
    assert found.not_yet


def test_a_refused_key_does_not_put_it_off() -> None:
    found = checked(replace(account(alerts=(alert(),)), key=None, key_accepted=False))
    assert found == NoLonger("the exchange refuses the key; renew it", by_limit=True)


def test_an_action_that_was_taken_back_sends_nothing() -> None:
    state = account(alerts=(alert(),))
    assert isinstance(checked(state, PLANNED, repay_spec(mode="dry-run")), NoLonger)
    assert isinstance(checked(state, PLANNED, repay_spec(name="another")), NoLonger)


def test_what_others_have_spent_since_bounds_it() -> None:
    spent = intent(9, IntentState.CONFIRMED, Repay(CROSS, "ETH", D(1)), submitted_at=NOW, settled_at=NOW)
    state = account(alerts=(alert(),), intents=(spent,))
    assert sized(checked(state, PLANNED, repay_spec(max_per_day=D(5000)))).amount == 2000


def test_the_second_half_goes_as_far_as_the_first_went() -> None:
    first = intent(9, IntentState.CONFIRMED, TRANSFER, submitted_at=NOW, settled_at=NOW)
    half = intent(10, order=Repay(CROSS, "USDT", D(5000)), action="top-up")
    rows = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="31000"), balance("ETH", borrowed="10"))
    state = account(*rows, alerts=(alert(),), intents=(first,))
    # 2 · 61,000 − 115,000 would be 7,000; the transfer brought 5,000.
    assert sized(checked(state, half, transfer_spec())).amount == 5000


BROUGHT = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10"))
HALF = intent(10, order=Repay(CROSS, "USDT", D(5000)), action="top-up")


def brought(ago: float = 5) -> Intent:
    at = NOW - seconds(ago)
    return intent(9, IntentState.CONFIRMED, TRANSFER, submitted_at=at, settled_at=at)


def test_the_second_half_goes_although_its_alert_is_over() -> None:
    assert sized(checked(account(*BROUGHT, intents=(brought(),)), HALF, transfer_spec())).amount == 5000


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (account(*BROUGHT, intents=(brought(601),)), "does not fire"),
        (account(*BROUGHT), "does not fire"),
        (account(*BROUGHT, now=NOW - seconds(30), intents=(brought(),)), "max_data_age"),
        (
            account(
                balance("BTC", "1.5"), balance("USDT", "25000"), balance("ETH", borrowed="10"), intents=(brought(),)
            ),
            "not owed",
        ),
        (replace(account(*BROUGHT, intents=(brought(),)), operator=OperatorRead(paused=True)), "paused"),
    ],
)
def test_the_second_half_stays_when(state: AccountState, words: str) -> None:
    found = checked(state, HALF, transfer_spec())
    assert isinstance(found, NoLonger)
    assert words in found.reason


def test_nothing_else_than_the_second_half_goes_without_an_alert() -> None:
    state = account(*BROUGHT, intents=(brought(),), spot={"USDT": "9000"})
    found = checked(state, replace(BRING, id=10), transfer_spec())
    assert isinstance(found, NoLonger)
    assert "does not fire" in found.reason


def test_a_balance_that_was_never_read_is_unknown() -> None:
    unread = replace(account(), wallets={}, cross=None)
    assert balances(unread, TRANSFER).source is None
    assert balances(unread, TRANSFER).free is None


SALE = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC", "mm-1-1")
SELLS = intent(1, order=SALE, kind="reduce", action="sell", purpose="repay")


def trading(bitcoin: int = 60_000) -> AccountState:
    """1.5 BTC held for 60,000 USDT owed, with the rules of BTCUSDT known; its last trade was at this price."""
    state = account(balance("BTC", "1.5"), balance("USDT", borrowed="60000"), alerts=(alert(),))
    market = Market("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"), min_notional=D(5))
    state = apply(state, MarketsRead({"BTCUSDT": market}, frozenset({"BTC", "USDT"}), NOW), NOW)
    return replace(state, prices={**state.prices, "BTCUSDT": Price(D(bitcoin), NOW)})


def test_an_order_is_sized_anew_and_keeps_its_name() -> None:
    found = sized(checked(trading(), SELLS, reduce_spec()))
    assert isinstance(found.order, Reduce)
    # (2 · 60,000 − 90,000) ÷ (2 · 0.999 − 1) ÷ 60,000, rounded up to the lot.
    assert found.order.quantity == D("0.50101")
    assert found.order == named(found.order, SELLS)
    assert (found.owed_before, found.source_before) == (D(60_000), D("1.5"))


def test_no_more_is_sold_and_at_no_worse_a_price_than_a_person_approved() -> None:
    approved = replace(SELLS, mode="approve")
    spec = reduce_spec(mode="approve")
    found = sized(checked(trading(59_800), approved, spec))
    assert isinstance(found.order, Reduce)
    assert (found.order.quantity, found.order.price) == (D("0.1"), D(59_400))
    assert checked(trading(59_300), approved, spec) == NoLonger("the price is worse than what was approved")


def test_a_sale_shrinks_to_what_is_still_held_beyond_the_debt() -> None:
    rows = (balance("BTC", "1.5", borrowed="1.4"), balance("ETH", "20"), balance("USDT", borrowed="30000"))
    state = replace(account(*rows, alerts=(alert(),)), followed=trading().followed)
    planned = replace(SELLS, order=replace(SALE, quantity=D("0.5"), amount=D(30_000)))
    found = sized(checked(state, planned, reduce_spec()))
    assert isinstance(found.order, Reduce)
    assert found.order.quantity == D("0.1")
    level = (balance("BTC", "1.5", borrowed="1.5"), balance("ETH", "20"), balance("USDT", borrowed="30000"))
    state = replace(account(*level, alerts=(alert(),)), followed=trading().followed)
    stopped = checked(state, planned, reduce_spec())
    assert isinstance(stopped, NoLonger)
    assert "repay it from what is free first" in stopped.reason


def test_a_sale_of_something_else_is_another_wish() -> None:
    other = replace(SELLS, order=replace(SALE, symbol="ETHUSDT", sells="ETH"))
    assert isinstance(checked(trading(), other, reduce_spec()), NoLonger)


def test_what_shrank_below_the_least_repayment_is_not_sent() -> None:
    rows = (balance("BTC", "1.5"), balance("USDT", "8", borrowed="30000"), balance("ETH", borrowed="10"))
    held = account(*rows, alerts=(alert(),), spot={"USDT": "8"})
    assert sized(checked(held)).amount == 8
    known = apply(held, MinimaRead({"USDT": D(10)}, NOW), NOW)
    for found in (checked(known), checked(known, BRING, transfer_spec(use="repay"))):
        assert isinstance(found, NoLonger)
        assert "10 USDT" in found.reason
    enough = apply(account(alerts=(alert(),)), MinimaRead({"USDT": D(10)}, NOW), NOW)
    approved = checked(enough, replace(PLANNED, mode="approve", order=Repay(CROSS, "USDT", D(9))))
    assert isinstance(approved, NoLonger)
    assert "only 9 may go" in approved.reason
