"""What people send by hand: recorded first, never two of a kind, never beside the daemon's own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.intents import Accepted, Intent, IntentState, Unknown
from monitor.core.progress import answered
from monitor.errors import OrderRefused
from monitor.store import bans, by_hand, operator
from monitor.store import intents as intent_rows
from monitor.store.by_hand import ABANDONED_AFTER, FIRST_BY_HAND, ManualCall
from monitor.store.readers.actions import read_intents
from monitor.store.store import OrderStore, ReadStore, Store
from tests.store.samples import NOW, at, intent, planned

PATIENCE = timedelta(minutes=10)
BURN = ManualCall("main", "set_bnb_burn", "setting", "", "", {"interestBNBBurn": "true"})


@pytest.fixture
def orders(database_url: str) -> OrderStore:
    return OrderStore.open(database_url)


def test_an_intent_by_hand_is_submitting_with_its_whole_story(orders: OrderStore, database_url: str) -> None:
    sent = orders.order(by_hand.begin_intent, by_hand_intent(), NOW)
    assert (sent.id, sent.state, sent.submitted_at) == (FIRST_BY_HAND, IntentState.SUBMITTING, NOW)
    moved = answered(sent, Accepted("77"), at(1))
    assert orders.order(by_hand.move_intent, moved.intent, moved.step)
    with ReadStore.open(database_url) as reader:
        (row,) = reader.read(read_intents)
    assert [step.to_state for step in row.steps] == ["PLANNED", "SUBMITTING", "ACKNOWLEDGED"]
    assert (row.intent.mode, row.intent.ref) == ("manual", "77")


def test_a_second_of_the_kind_waits_until_the_first_is_settled(orders: OrderStore) -> None:
    first = orders.order(by_hand.begin_intent, by_hand_intent(), NOW)
    with pytest.raises(OrderRefused, match=f"under way \\(intent {first.id}\\)"):
        orders.order(by_hand.begin_intent, by_hand_intent(), at(1))
    moved = answered(first, Unknown("cut"), at(2))
    orders.order(by_hand.move_intent, moved.intent, moved.step)
    with pytest.raises(OrderRefused):
        orders.order(by_hand.begin_intent, by_hand_intent(), at(3))


def test_a_refused_one_leaves_nothing_behind(orders: OrderStore, database_url: str) -> None:
    orders.order(by_hand.begin_intent, by_hand_intent(), NOW)
    with pytest.raises(OrderRefused):
        orders.order(by_hand.begin_intent, by_hand_intent(), at(1))
    with ReadStore.open(database_url) as reader:
        assert len(reader.read(read_intents, include_final=True)) == 1


@pytest.mark.parametrize("what", ["intent", "call"])
def test_nothing_is_sent_by_hand_while_paused(orders: OrderStore, what: str) -> None:
    orders.order(operator.pause, True, "test", NOW)
    with pytest.raises(OrderRefused, match="actions are paused"):
        if what == "intent":
            orders.order(by_hand.begin_intent, by_hand_intent(), NOW)
        else:
            orders.order(by_hand.begin_call, BURN, NOW, PATIENCE)


async def test_numbers_never_meet_those_of_a_daemon(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        await store.commit(planned(intent(1)))
        sent = await store.order(by_hand.begin_intent, replace(by_hand_intent(), account="other"), NOW)
        assert sent.id == FIRST_BY_HAND
        assert (await store.next_ids()).intent == 2
    finally:
        await store.close()


def test_a_sender_that_is_gone_blocks_nobody_for_long(orders: OrderStore, database_url: str) -> None:
    lost = orders.order(by_hand.begin_intent, by_hand_intent(), NOW)
    other = replace(by_hand_intent(), order=replace(by_hand_intent().order, asset="BTC"))
    orders.order(by_hand.begin_intent, other, NOW + ABANDONED_AFTER + timedelta(seconds=1))
    with ReadStore.open(database_url) as reader:
        found = reader.read(intent_rows.read, lost.id)
    assert found is not None and found.state is IntentState.UNCERTAIN


async def test_a_running_daemon_hears_of_it(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        before = await store.orders(NOW)
        sent = await store.order(by_hand.begin_intent, by_hand_intent(), NOW)
        moved = answered(sent, Accepted("77"), at(1))
        await store.order(by_hand.move_intent, moved.intent, moved.step)
        assert before is not None
        after = await store.orders(at(2), before.changes)
        assert after is not None
        assert [(one.id, one.state) for one in after.settled] == [(sent.id, IntentState.ACKNOWLEDGED)]
    finally:
        await store.close()


def test_a_call_of_unknown_outcome_blocks_its_like_for_a_while(orders: OrderStore) -> None:
    number = orders.order(by_hand.begin_call, BURN, NOW, PATIENCE)
    orders.order(by_hand.end_call, number, "unknown", at(1), "cut")
    with pytest.raises(OrderRefused, match="what became of set_bnb_burn at 21:00:00 UTC is not known"):
        orders.order(by_hand.begin_call, BURN, at(599), PATIENCE)
    assert orders.order(by_hand.begin_call, BURN, at(601), PATIENCE) > number


def test_a_call_that_ended_blocks_nobody(orders: OrderStore) -> None:
    for state in ("accepted", "refused"):
        number = orders.order(by_hand.begin_call, BURN, NOW, PATIENCE)
        orders.order(by_hand.end_call, number, state, at(1), "", -1)


def test_a_call_waits_for_the_intent_that_it_would_meet(orders: OrderStore) -> None:
    orders.order(by_hand.begin_intent, by_hand_intent(), NOW)
    with pytest.raises(OrderRefused, match="under way"):
        orders.order(by_hand.begin_call, replace(BURN, in_way_of="repay"), at(1), PATIENCE)
    orders.order(by_hand.begin_call, BURN, at(1), PATIENCE)


def test_a_ban_is_remembered(orders: OrderStore, database_url: str) -> None:
    with ReadStore.open(database_url) as reader:
        assert reader.read(bans.banned_until) is None
    orders.order(bans.remember, at(120))
    orders.order(bans.remember, at(600))
    with ReadStore.open(database_url) as reader:
        assert reader.read(bans.banned_until) == at(600)


def by_hand_intent() -> Intent:
    return replace(intent(1, IntentState.PLANNED), mode="manual", action="call", plan=None, alert=None)
