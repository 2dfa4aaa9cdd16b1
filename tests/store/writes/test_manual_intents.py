"""What people send by hand: recorded first, never two of a kind, never beside the daemon's own."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Accepted, ManualCall, Outcome, Refused, Unknown
from monitor.core.settlement.transitions import ABANDONED_AFTER, apply_outcome
from monitor.errors import CommandRefused
from monitor.store.command_store import CommandStore, ReadStore
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.store.writes import bans, commands, manual_intents
from monitor.store.writes import intents as intent_rows
from monitor.store.writes.id_allocation import FIRST_MANUAL_INTENT_ID
from tests.support.examples.store_rows import NOW, at, intent, planned_entry

CLAIM_TIMEOUT = timedelta(minutes=10)
AUTO_REPAY_CALL = Intent(
    id=0,
    plan=None,
    action="set_bnb_burn",
    kind="setting",
    mode="manual",
    account="main",
    order=ManualCall("set_bnb_burn", CROSS, "", Decimal(0)),
    state=IntentState.PLANNED,
    amount_usdt=Decimal(0),
    created_at=NOW,
)


@pytest.fixture
def orders(database_url: str) -> CommandStore:
    return CommandStore.open(database_url)


def test_manual_intent_is_submitting_with_all_its_steps(orders: CommandStore, database_url: str) -> None:
    sent = orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), NOW)
    assert (sent.id, sent.state, sent.submitted_at) == (FIRST_MANUAL_INTENT_ID, IntentState.SUBMITTING, NOW)
    moved = apply_outcome(sent, Accepted("77"), at(1))
    assert orders.execute(manual_intents.record_manual_step, moved.intent, moved.step)
    with ReadStore.open(database_url) as reader:
        (row,) = reader.read(read_intents)
    assert [step.to_state for step in row.steps] == ["PLANNED", "SUBMITTING", "ACKNOWLEDGED"]
    assert (row.intent.mode, row.intent.ref) == ("manual", "77")


def test_second_manual_intent_of_a_kind_waits_for_the_first(orders: CommandStore) -> None:
    first = orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), NOW)
    with pytest.raises(CommandRefused, match=f"under way \\(intent {first.id}\\)"):
        orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), at(1))
    moved = apply_outcome(first, Unknown("cut"), at(2))
    orders.execute(manual_intents.record_manual_step, moved.intent, moved.step)
    with pytest.raises(CommandRefused):
        orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), at(3))


def test_refused_manual_intent_leaves_nothing_behind(orders: CommandStore, database_url: str) -> None:
    orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), NOW)
    with pytest.raises(CommandRefused):
        orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), at(1))
    with ReadStore.open(database_url) as reader:
        assert len(reader.read(read_intents, include_final=True)) == 1


@pytest.mark.parametrize("what", ["repay", "setting"])
def test_no_manual_intent_while_paused(orders: CommandStore, what: str) -> None:
    orders.execute(commands.set_paused, True, "test", NOW)
    with pytest.raises(CommandRefused, match="actions are paused"):
        orders.execute(
            manual_intents.claim_manual_intent, AUTO_REPAY_CALL if what == "setting" else by_hand_intent(), NOW
        )


async def test_manual_ids_never_clash_with_daemon_ids(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        await store.commit(planned_entry(intent(1)))
        sent = await store.execute(manual_intents.claim_manual_intent, replace(by_hand_intent(), account="other"), NOW)
        assert sent.id == FIRST_MANUAL_INTENT_ID
        assert (await store.next_ids(NOW)).intent == 2
    finally:
        await store.close()


def test_dead_sender_does_not_block_forever(orders: CommandStore) -> None:
    lost = orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), NOW)
    orders.execute(manual_intents.settle_abandoned, NOW + ABANDONED_AFTER, CLAIM_TIMEOUT)
    assert state_of(orders, lost) is IntentState.SUBMITTING
    orders.execute(manual_intents.settle_abandoned, NOW + ABANDONED_AFTER + timedelta(seconds=1), CLAIM_TIMEOUT)
    assert state_of(orders, lost) is IntentState.UNCERTAIN
    orders.execute(manual_intents.settle_abandoned, NOW + CLAIM_TIMEOUT + timedelta(seconds=1), CLAIM_TIMEOUT)
    assert state_of(orders, lost) is IntentState.UNRESOLVED


async def test_running_daemon_learns_of_a_manual_intent(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        before = await store.read_commands(NOW)
        sent = await store.execute(manual_intents.claim_manual_intent, by_hand_intent(), NOW)
        moved = apply_outcome(sent, Accepted("77"), at(1))
        await store.execute(manual_intents.record_manual_step, moved.intent, moved.step)
        assert before is not None
        after = await store.read_commands(at(2), before.change_number)
        assert after is not None
        assert [(settled_intent.id, settled_intent.state) for settled_intent in after.settled_intents] == [
            (sent.id, IntentState.ACKNOWLEDGED)
        ]
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
def test_manual_call_is_settled_by_its_answer(
    orders: CommandStore, database_url: str, outcome: Outcome, states: list[str]
) -> None:
    sent = orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, NOW)
    ended = orders.execute(manual_intents.finish_manual_call, sent.id, outcome, at(1))
    with ReadStore.open(database_url) as reader:
        (row,) = reader.read(read_intents, include_final=True)
    assert [step.to_state for step in row.steps] == ["PLANNED", "SUBMITTING", *states]
    assert row.intent == ended
    assert row.intent.order == AUTO_REPAY_CALL.order


def test_manual_call_of_a_dead_sender_becomes_unresolved(orders: CommandStore) -> None:
    lost = orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, NOW)
    late = NOW + ABANDONED_AFTER + timedelta(seconds=1)
    orders.execute(manual_intents.settle_abandoned, late, CLAIM_TIMEOUT)
    assert state_of(orders, lost) is IntentState.UNRESOLVED
    with pytest.raises(CommandRefused, match="under way"):
        orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, late)
    # Its answer came all the same.
    assert (
        orders.execute(manual_intents.finish_manual_call, lost.id, Accepted("77"), late).state is IntentState.CONFIRMED
    )
    assert orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, late).id > lost.id


def test_resolution_by_a_person_unblocks_the_next_call(orders: CommandStore) -> None:
    sent = orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, NOW)
    orders.execute(manual_intents.finish_manual_call, sent.id, Unknown("cut"), at(1))
    orders.execute(commands.resolve_intent, sent.id, IntentState.FAILED, "me", "looked", at(2), ())
    assert orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, at(3)).state is IntentState.SUBMITTING


def test_manual_call_waits_for_a_conflicting_intent(orders: CommandStore) -> None:
    orders.execute(manual_intents.claim_manual_intent, by_hand_intent(), NOW)
    with pytest.raises(CommandRefused, match="under way"):
        orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, at(1), "repay")
    orders.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, at(1))


async def test_starting_daemon_leaves_a_running_manual_call_alone(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        sent = await store.execute(manual_intents.claim_manual_intent, AUTO_REPAY_CALL, NOW)
        assert await store.recover_interrupted(at(1)) == ()
        late = NOW + ABANDONED_AFTER + timedelta(seconds=1)
        assert [(one.id, one.state) for one in await store.recover_interrupted(late)] == [
            (sent.id, IntentState.UNCERTAIN)
        ]
    finally:
        await store.close()


def test_ban_is_stored(orders: CommandStore, database_url: str) -> None:
    with ReadStore.open(database_url) as reader:
        assert reader.read(bans.read_banned_until) is None
    orders.execute(bans.save_ban, at(120))
    orders.execute(bans.save_ban, at(600))
    orders.execute(bans.save_ban, at(300))
    with ReadStore.open(database_url) as reader:
        assert reader.read(bans.read_banned_until) == at(600)


def by_hand_intent() -> Intent:
    return replace(intent(1, IntentState.PLANNED), mode="manual", action="call", plan=None, alert=None)


def state_of(orders: CommandStore, sent: Intent) -> IntentState | None:
    found = orders.execute(intent_rows.find_intent, sent.id)
    return None if found is None else found.state
