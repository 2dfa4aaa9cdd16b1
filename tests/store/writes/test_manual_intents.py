"""What people send by hand: recorded first, never two of a kind, never beside the daemon's own."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Accepted, ByName, Outcome, Refused, Unknown
from monitor.core.settlement.transitions import ABANDONED_AFTER, answered
from monitor.errors import OrderRefused
from monitor.store.readers.intents import read_intents
from monitor.store.store import OrderStore, ReadStore, Store
from monitor.store.writes import bans, commands, manual_intents
from monitor.store.writes import intents as intent_rows
from monitor.store.writes.id_allocation import FIRST_BY_HAND
from tests.support.examples.store_rows import NOW, at, intent, planned

PATIENCE = timedelta(minutes=10)
BURN = Intent(
    id=0,
    plan=None,
    action="set_bnb_burn",
    kind="setting",
    mode="manual",
    account="main",
    order=ByName("set_bnb_burn", CROSS, "", Decimal(0)),
    state=IntentState.PLANNED,
    amount_usdt=Decimal(0),
    created_at=NOW,
)


@pytest.fixture
def orders(database_url: str) -> OrderStore:
    return OrderStore.open(database_url)


def test_an_intent_by_hand_is_submitting_with_its_whole_story(orders: OrderStore, database_url: str) -> None:
    sent = orders.order(manual_intents.begin_intent, by_hand_intent(), NOW)
    assert (sent.id, sent.state, sent.submitted_at) == (FIRST_BY_HAND, IntentState.SUBMITTING, NOW)
    moved = answered(sent, Accepted("77"), at(1))
    assert orders.order(manual_intents.move_intent, moved.intent, moved.step)
    with ReadStore.open(database_url) as reader:
        (row,) = reader.read(read_intents)
    assert [step.to_state for step in row.steps] == ["PLANNED", "SUBMITTING", "ACKNOWLEDGED"]
    assert (row.intent.mode, row.intent.ref) == ("manual", "77")


def test_a_second_of_the_kind_waits_until_the_first_is_settled(orders: OrderStore) -> None:
    first = orders.order(manual_intents.begin_intent, by_hand_intent(), NOW)
    with pytest.raises(OrderRefused, match=f"under way \\(intent {first.id}\\)"):
        orders.order(manual_intents.begin_intent, by_hand_intent(), at(1))
    moved = answered(first, Unknown("cut"), at(2))
    orders.order(manual_intents.move_intent, moved.intent, moved.step)
    with pytest.raises(OrderRefused):
        orders.order(manual_intents.begin_intent, by_hand_intent(), at(3))


def test_a_refused_one_leaves_nothing_behind(orders: OrderStore, database_url: str) -> None:
    orders.order(manual_intents.begin_intent, by_hand_intent(), NOW)
    with pytest.raises(OrderRefused):
        orders.order(manual_intents.begin_intent, by_hand_intent(), at(1))
    with ReadStore.open(database_url) as reader:
        assert len(reader.read(read_intents, include_final=True)) == 1


@pytest.mark.parametrize("what", ["repay", "setting"])
def test_nothing_is_sent_by_hand_while_paused(orders: OrderStore, what: str) -> None:
    orders.order(commands.pause, True, "test", NOW)
    with pytest.raises(OrderRefused, match="actions are paused"):
        orders.order(manual_intents.begin_intent, BURN if what == "setting" else by_hand_intent(), NOW)


async def test_numbers_never_meet_those_of_a_daemon(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        await store.commit(planned(intent(1)))
        sent = await store.order(manual_intents.begin_intent, replace(by_hand_intent(), account="other"), NOW)
        assert sent.id == FIRST_BY_HAND
        assert (await store.next_ids(NOW)).intent == 2
    finally:
        await store.close()


def test_a_sender_that_is_gone_blocks_nobody_for_ever(orders: OrderStore) -> None:
    lost = orders.order(manual_intents.begin_intent, by_hand_intent(), NOW)
    orders.order(manual_intents.give_up_lost, NOW + ABANDONED_AFTER, PATIENCE)
    assert state_of(orders, lost) is IntentState.SUBMITTING
    orders.order(manual_intents.give_up_lost, NOW + ABANDONED_AFTER + timedelta(seconds=1), PATIENCE)
    assert state_of(orders, lost) is IntentState.UNCERTAIN
    orders.order(manual_intents.give_up_lost, NOW + PATIENCE + timedelta(seconds=1), PATIENCE)
    assert state_of(orders, lost) is IntentState.UNRESOLVED


async def test_a_running_daemon_hears_of_it(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        before = await store.orders(NOW)
        sent = await store.order(manual_intents.begin_intent, by_hand_intent(), NOW)
        moved = answered(sent, Accepted("77"), at(1))
        await store.order(manual_intents.move_intent, moved.intent, moved.step)
        assert before is not None
        after = await store.orders(at(2), before.changes)
        assert after is not None
        assert [(one.id, one.state) for one in after.settled] == [(sent.id, IntentState.ACKNOWLEDGED)]
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        (Accepted("77"), ["ACKNOWLEDGED", "CONFIRMED"]),
        (Refused(-3006, "too much"), ["REFUSED"]),
        (Unknown("cut"), ["UNCERTAIN", "UNRESOLVED"]),
    ],
)
def test_a_change_by_name_is_settled_by_the_answer(
    orders: OrderStore, database_url: str, outcome: Outcome, states: list[str]
) -> None:
    sent = orders.order(manual_intents.begin_intent, BURN, NOW)
    ended = orders.order(manual_intents.end_by_name, sent.id, outcome, at(1))
    with ReadStore.open(database_url) as reader:
        (row,) = reader.read(read_intents, include_final=True)
    assert [step.to_state for step in row.steps] == ["PLANNED", "SUBMITTING", *states]
    assert row.intent == ended
    assert row.intent.order == BURN.order


def test_a_change_by_name_whose_sender_is_gone_is_a_persons(orders: OrderStore) -> None:
    lost = orders.order(manual_intents.begin_intent, BURN, NOW)
    late = NOW + ABANDONED_AFTER + timedelta(seconds=1)
    orders.order(manual_intents.give_up_lost, late, PATIENCE)
    assert state_of(orders, lost) is IntentState.UNRESOLVED
    with pytest.raises(OrderRefused, match="under way"):
        orders.order(manual_intents.begin_intent, BURN, late)
    # Its answer came all the same.
    assert orders.order(manual_intents.end_by_name, lost.id, Accepted("77"), late).state is IntentState.CONFIRMED
    assert orders.order(manual_intents.begin_intent, BURN, late).id > lost.id


def test_what_a_person_says_of_it_lets_the_next_one_go(orders: OrderStore) -> None:
    sent = orders.order(manual_intents.begin_intent, BURN, NOW)
    orders.order(manual_intents.end_by_name, sent.id, Unknown("cut"), at(1))
    orders.order(commands.resolve, sent.id, IntentState.FAILED, "me", "looked", at(2), ())
    assert orders.order(manual_intents.begin_intent, BURN, at(3)).state is IntentState.SUBMITTING


def test_a_change_by_name_waits_for_the_intent_that_it_would_meet(orders: OrderStore) -> None:
    orders.order(manual_intents.begin_intent, by_hand_intent(), NOW)
    with pytest.raises(OrderRefused, match="under way"):
        orders.order(manual_intents.begin_intent, BURN, at(1), "repay")
    orders.order(manual_intents.begin_intent, BURN, at(1))


async def test_a_daemon_that_starts_leaves_a_command_its_order(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        sent = await store.order(manual_intents.begin_intent, BURN, NOW)
        assert await store.recover(at(1)) == ()
        late = NOW + ABANDONED_AFTER + timedelta(seconds=1)
        assert [(one.id, one.state) for one in await store.recover(late)] == [(sent.id, IntentState.UNCERTAIN)]
    finally:
        await store.close()


def test_a_ban_is_remembered(orders: OrderStore, database_url: str) -> None:
    with ReadStore.open(database_url) as reader:
        assert reader.read(bans.banned_until) is None
    orders.order(bans.remember, at(120))
    orders.order(bans.remember, at(600))
    orders.order(bans.remember, at(300))
    with ReadStore.open(database_url) as reader:
        assert reader.read(bans.banned_until) == at(600)


def by_hand_intent() -> Intent:
    return replace(intent(1, IntentState.PLANNED), mode="manual", action="call", plan=None, alert=None)


def state_of(orders: OrderStore, sent: Intent) -> IntentState | None:
    found = orders.order(intent_rows.read, sent.id)
    return None if found is None else found.state
