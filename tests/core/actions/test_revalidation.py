"""Revalidation of an intent on the newest state before it is sent."""

from dataclasses import replace

import pytest

from monitor.core.actions.decision import with_client_id
from monitor.core.actions.revalidation import NotWanted, order_balances, revalidate
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS, Price
from monitor.core.model.alert import AlertState
from monitor.core.model.events import CommandsRead, HealthRead
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Reduce, Repay, Transfer
from monitor.core.model.reads import MinRepayRead, TradingRulesRead
from monitor.core.model.symbols import TradingRules
from monitor.core.state.account_state import AccountState, KeyState
from monitor.core.state.account_update import apply_account_event
from tests.support.examples.actions import (
    KEY,
    NOW,
    SETTINGS,
    D,
    account_state,
    alert,
    balance,
    intent,
    is_about,
    matches,
    reduce_spec,
    repay_spec,
    seconds,
    transfer_spec,
)

PLANNED = intent(1, order=Repay(CROSS, "USDT", D(10_000)))
TRANSFER = Transfer("spot", CROSS, "USDT", D(5000))
TRANSFER_INTENT = intent(1, order=TRANSFER)


def revalidate_planned(
    state: AccountState, planned: Intent = PLANNED, spec: ActionSpec | None = None
) -> Intent | NotWanted:
    known = replace(state, intents={**state.intents, planned.id: planned})
    return revalidate(known, planned, [spec or repay_spec()], SETTINGS, NOW)


def still_wanted(found: Intent | NotWanted) -> Intent:
    assert isinstance(found, Intent), found
    return found


def test_wanted_intent_carries_the_balances_before_it() -> None:
    found = still_wanted(revalidate_planned(account_state(alerts=(alert(),))))
    assert matches(found.order, PLANNED.order)
    assert (found.owed_before, found.free_before, found.source_before) == (D(30_000), D(20_000), None)


def test_amount_is_sized_by_the_debt_at_sending() -> None:
    rows = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="29000"), balance("ETH", borrowed="10"))
    # 2 · 59,000 − 110,000
    assert is_about(still_wanted(revalidate_planned(account_state(*rows, alerts=(alert(),)))).amount, 8000)
    rows = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="31000"), balance("ETH", borrowed="10"))
    assert is_about(still_wanted(revalidate_planned(account_state(*rows, alerts=(alert(),)))).amount, 12_000)


def test_approved_amount_never_grows() -> None:
    rows = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed="31000"), balance("ETH", borrowed="10"))
    approved = replace(PLANNED, mode="approve")
    spec = repay_spec(mode="approve")
    assert still_wanted(revalidate_planned(account_state(*rows, alerts=(alert(),)), approved, spec)).amount == 10_000


def test_transfer_planned_for_repayment_is_not_sent_as_collateral() -> None:
    unknown = intent(9, IntentState.UNCERTAIN, submitted_at=NOW)
    found = revalidate_planned(
        account_state(alerts=(alert(),), intents=(unknown,), spot={"USDT": "90000"}), TRANSFER_INTENT, transfer_spec()
    )
    assert found == NotWanted("another order is wanted now")


def test_transfer_carries_its_source_balance() -> None:
    found = still_wanted(
        revalidate_planned(account_state(alerts=(alert(),), spot={"USDT": "9000"}), TRANSFER_INTENT, transfer_spec())
    )
    assert is_about(found.amount, 5000)
    assert found.source_before == 9000


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (account_state(), "does not fire"),
        (account_state(alerts=(alert(state=AlertState.RESOLVED),)), "does not fire"),
        (
            account_state(balance("BTC", "2.5"), balance("USDT", "1", borrowed="30000"), alerts=(alert(),)),
            "target is reached",
        ),
        (replace(account_state(alerts=(alert(),)), commands=CommandsRead(paused=True)), "paused"),
        (replace(account_state(alerts=(alert(),)), health=HealthRead(store_failing=True)), "journal"),
        (replace(account_state(alerts=(alert(),)), keys=KeyState(True, replace(KEY, withdrawals=True))), "withdraw"),
        (account_state(alerts=(alert(),), now=NOW - seconds(30)), "max_data_age"),
        (account_state(balance("BTC", "1.5"), balance("ETH", "9", borrowed="30"), alerts=(alert(),)), "not owed"),
    ],
)
def test_intent_is_not_sent_when(state: AccountState, words: str) -> None:
    found = revalidate_planned(state)
    assert isinstance(found, NotWanted)
    assert words in found.reason


@pytest.mark.parametrize(
    "state",
    [
        account_state(alerts=(alert(unknown_since=NOW),)),
        replace(account_state(alerts=(alert(),)), keys=KeyState()),
        replace(account_state(alerts=(alert(),)), cross=None),
    ],
)
def test_unknown_state_postpones_the_intent(state: AccountState) -> None:
    found = revalidate_planned(state)
    assert isinstance(found, NotWanted)
    assert found.is_retryable


def test_refused_key_ends_the_intent() -> None:
    found = revalidate_planned(replace(account_state(alerts=(alert(),)), keys=KeyState(False)))
    assert found == NotWanted("the exchange refuses the key; renew it", by_limit=True)


def test_removed_or_dry_run_action_sends_nothing() -> None:
    state = account_state(alerts=(alert(),))
    assert isinstance(revalidate_planned(state, PLANNED, repay_spec(mode="dry-run")), NotWanted)
    assert isinstance(revalidate_planned(state, PLANNED, repay_spec(name="another")), NotWanted)


def test_usage_since_planning_bounds_the_amount() -> None:
    spent = intent(9, IntentState.CONFIRMED, Repay(CROSS, "ETH", D(1)), submitted_at=NOW, settled_at=NOW)
    state = account_state(alerts=(alert(),), intents=(spent,))
    assert still_wanted(revalidate_planned(state, PLANNED, repay_spec(max_per_day=D(5000)))).amount == 2000


def test_follow_up_is_bounded_by_the_transferred_amount() -> None:
    first = intent(9, IntentState.CONFIRMED, TRANSFER, submitted_at=NOW, settled_at=NOW)
    half = intent(10, order=Repay(CROSS, "USDT", D(5000)), action="top-up")
    rows = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="31000"), balance("ETH", borrowed="10"))
    state = account_state(*rows, alerts=(alert(),), intents=(first,))
    # 2 · 61,000 − 115,000 would be 7,000; the transfer brought 5,000.
    assert still_wanted(revalidate_planned(state, half, transfer_spec())).amount == 5000


BALANCES_AFTER_TRANSFER = (
    balance("BTC", "1.5"),
    balance("USDT", "25000", borrowed="30000"),
    balance("ETH", borrowed="10"),
)
FOLLOW_UP = intent(10, order=Repay(CROSS, "USDT", D(5000)), action="top-up")


def completed_transfer(ago: float = 5) -> Intent:
    at = NOW - seconds(ago)
    return intent(9, IntentState.CONFIRMED, TRANSFER, submitted_at=at, settled_at=at)


def test_follow_up_is_sent_although_its_alert_has_resolved() -> None:
    assert (
        still_wanted(
            revalidate_planned(
                account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(),)), FOLLOW_UP, transfer_spec()
            )
        ).amount
        == 5000
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(601),)), "does not fire"),
        (account_state(*BALANCES_AFTER_TRANSFER), "does not fire"),
        (
            account_state(*BALANCES_AFTER_TRANSFER, now=NOW - seconds(30), intents=(completed_transfer(),)),
            "max_data_age",
        ),
        (
            account_state(
                balance("BTC", "1.5"),
                balance("USDT", "25000"),
                balance("ETH", borrowed="10"),
                intents=(completed_transfer(),),
            ),
            "not owed",
        ),
        (
            replace(
                account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(),)),
                commands=CommandsRead(paused=True),
            ),
            "paused",
        ),
    ],
)
def test_follow_up_is_not_sent_when(state: AccountState, words: str) -> None:
    found = revalidate_planned(state, FOLLOW_UP, transfer_spec())
    assert isinstance(found, NotWanted)
    assert words in found.reason


def test_only_a_follow_up_is_sent_without_an_alert() -> None:
    state = account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(),), spot={"USDT": "9000"})
    found = revalidate_planned(state, replace(TRANSFER_INTENT, id=10), transfer_spec())
    assert isinstance(found, NotWanted)
    assert "does not fire" in found.reason


def test_unread_balance_is_unknown() -> None:
    unread = replace(account_state(), wallets={}, cross=None)
    assert order_balances(unread, TRANSFER).source is None
    assert order_balances(unread, TRANSFER).free is None


SALE = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC", "mm-1-1")
SALE_INTENT = intent(1, order=SALE, kind="reduce", action="sell", purpose="repay")


def state_for_sale(bitcoin: int = 60_000) -> AccountState:
    """1.5 BTC held for 60,000 USDT owed, with the rules of BTCUSDT known; its last trade was at this price."""
    state = account_state(balance("BTC", "1.5"), balance("USDT", borrowed="60000"), alerts=(alert(),))
    market = TradingRules("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"), min_notional=D(5))
    state = apply_account_event(state, TradingRulesRead({"BTCUSDT": market}, frozenset({"BTC", "USDT"}), NOW), NOW)
    return replace(
        state, prices=replace(state.prices, newest={**state.prices.newest, "BTCUSDT": Price(D(bitcoin), NOW)})
    )


def test_market_order_is_resized_and_keeps_its_client_id() -> None:
    found = still_wanted(revalidate_planned(state_for_sale(), SALE_INTENT, reduce_spec()))
    assert isinstance(found.order, Reduce)
    # (2 · 60,000 − 90,000) ÷ (2 · 0.999 − 1) ÷ 60,000, rounded up to the lot.
    assert found.order.quantity == D("0.50101")
    assert found.order == with_client_id(found.order, SALE_INTENT)
    assert (found.owed_before, found.source_before) == (D(60_000), D("1.5"))


def test_approved_sale_keeps_its_quantity_and_price_limit() -> None:
    approved = replace(SALE_INTENT, mode="approve")
    spec = reduce_spec(mode="approve")
    found = still_wanted(revalidate_planned(state_for_sale(59_800), approved, spec))
    assert isinstance(found.order, Reduce)
    assert (found.order.quantity, found.order.price) == (D("0.1"), D(59_400))
    worse = revalidate_planned(state_for_sale(59_300), approved, spec)
    assert isinstance(worse, NotWanted)
    assert not worse.is_retryable
    assert "price" in worse.reason


def test_sale_shrinks_to_the_holding_net_of_debt() -> None:
    rows = (balance("BTC", "1.5", borrowed="1.4"), balance("ETH", "20"), balance("USDT", borrowed="30000"))
    state = replace(account_state(*rows, alerts=(alert(),)), reference=state_for_sale().reference)
    planned = replace(SALE_INTENT, order=replace(SALE, quantity=D("0.5"), amount=D(30_000)))
    found = still_wanted(revalidate_planned(state, planned, reduce_spec()))
    assert isinstance(found.order, Reduce)
    assert found.order.quantity == D("0.1")
    level = (balance("BTC", "1.5", borrowed="1.5"), balance("ETH", "20"), balance("USDT", borrowed="30000"))
    state = replace(account_state(*level, alerts=(alert(),)), reference=state_for_sale().reference)
    stopped = revalidate_planned(state, planned, reduce_spec())
    assert isinstance(stopped, NotWanted)
    assert "repay it from what is free first" in stopped.reason


def test_sale_of_another_asset_is_no_longer_wanted() -> None:
    other = replace(SALE_INTENT, order=replace(SALE, symbol="ETHUSDT", sell_asset="ETH"))
    assert isinstance(revalidate_planned(state_for_sale(), other, reduce_spec()), NotWanted)


def test_amount_below_the_min_repayment_is_not_sent() -> None:
    rows = (balance("BTC", "1.5"), balance("USDT", "8", borrowed="30000"), balance("ETH", borrowed="10"))
    held = account_state(*rows, alerts=(alert(),), spot={"USDT": "8"})
    assert still_wanted(revalidate_planned(held)).amount == 8
    known = apply_account_event(held, MinRepayRead({"USDT": D(10)}, NOW), NOW)
    for found in (revalidate_planned(known), revalidate_planned(known, TRANSFER_INTENT, transfer_spec(use="repay"))):
        assert isinstance(found, NotWanted)
        assert "10 USDT" in found.reason
    enough = apply_account_event(account_state(alerts=(alert(),)), MinRepayRead({"USDT": D(10)}, NOW), NOW)
    approved = revalidate_planned(enough, replace(PLANNED, mode="approve", order=Repay(CROSS, "USDT", D(9))))
    assert isinstance(approved, NotWanted)
    assert "only 9 may go" in approved.reason
