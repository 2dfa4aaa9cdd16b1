"""The last look before an order is sent."""

from dataclasses import replace

import pytest

from monitor.core.account import CROSS
from monitor.core.actions.recheck import NoLonger, balances, recheck
from monitor.core.actions.spec import ActionSpec
from monitor.core.alerts import AlertState
from monitor.core.events import HealthRead, OperatorRead
from monitor.core.intents import Intent, IntentState, Repay, Transfer
from monitor.core.state import AccountState
from tests.core.actions.samples import (
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
    repay_spec,
    seconds,
    transfer_spec,
)

PLANNED = intent(1, order=Repay(CROSS, "USDT", D(10_000)))
BRING = intent(1, order=Transfer("spot", CROSS, "USDT", D(5000)))


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
    assert found == NoLonger("the exchange refuses the key; renew it")


def test_an_action_that_was_taken_back_sends_nothing() -> None:
    state = account(alerts=(alert(),))
    assert isinstance(checked(state, PLANNED, repay_spec(mode="dry-run")), NoLonger)
    assert isinstance(checked(state, PLANNED, repay_spec(name="another")), NoLonger)


def test_what_others_have_spent_since_bounds_it() -> None:
    spent = intent(9, IntentState.CONFIRMED, Repay(CROSS, "ETH", D(1)), submitted_at=NOW, settled_at=NOW)
    state = account(alerts=(alert(),), intents=(spent,))
    assert sized(checked(state, PLANNED, repay_spec(max_per_day=D(5000)))).amount == 2000


def test_the_second_half_goes_as_far_as_the_first_went() -> None:
    first = intent(9, IntentState.CONFIRMED, BRING.order, submitted_at=NOW, settled_at=NOW)
    half = intent(10, order=Repay(CROSS, "USDT", D(5000)), action="top-up")
    rows = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="31000"), balance("ETH", borrowed="10"))
    state = account(*rows, alerts=(alert(),), intents=(first,))
    # 2 · 61,000 − 115,000 would be 7,000; the transfer brought 5,000.
    assert sized(checked(state, half, transfer_spec())).amount == 5000


BROUGHT = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10"))
HALF = intent(10, order=Repay(CROSS, "USDT", D(5000)), action="top-up")


def brought(ago: float = 5) -> Intent:
    at = NOW - seconds(ago)
    return intent(9, IntentState.CONFIRMED, BRING.order, submitted_at=at, settled_at=at)


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
    assert balances(unread, BRING.order).source is None
    assert balances(unread, BRING.order).free is None
