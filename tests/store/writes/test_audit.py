"""The audit trail tells of every step, and of everything that was done to it afterwards."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update

from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import Entry
from monitor.core.model.order import Accepted, Trace
from monitor.core.settlement.transitions import answered
from monitor.errors import StoreError
from monitor.store.readers.intents import read_intent
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes import audit, commands
from monitor.store.writes.audit import Head, Verified
from tests.support.examples.actions import NOW, intent

S = IntentState
LATER = NOW + timedelta(minutes=1)
ASKED = Trace("POST /sapi/v1/margin/borrow-repay asset=USDT amount=10000", 'HTTP 200 {"tranId":77}')


async def lived(store: Store, number: int = 1) -> Intent:
    """An intent from its birth to the exchange's answer."""
    born = replace(intent(number), alert=None, plan=None)
    step = IntentStep(number, None, S.PLANNED, NOW, "to reach level 2")
    await store.commit(Entry("main", NOW, intents=(born,), intent_steps=(step,)))
    assert await store.claim(born, LATER, "on a fresh snapshot")
    sent = replace(born, state=S.SUBMITTING, submitted_at=LATER)
    moved = answered(sent, Accepted("77", ASKED), LATER)
    assert await store.record(moved.intent, moved.step)
    done = replace(moved.intent, state=S.CONFIRMED, settled_at=LATER, evidence="record 77")
    assert await store.record(done, IntentStep(number, S.ACKNOWLEDGED, S.CONFIRMED, LATER, "record 77"))
    return done


async def verified(store: Store, known: Head | None = None) -> Verified:
    return await store.read(audit.verify, known)


async def test_a_trail_that_nobody_touched_is_whole(store: Store) -> None:
    begun = await verified(store)
    assert begun == Verified(1, begun.head, (), 0)
    assert begun.head is not None
    await lived(store)
    assert await store.order(commands.pause, True, "me", LATER)
    found = await verified(store)
    assert (found.rows, found.flaws, found.uncovered) == (6, (), 0)
    assert found.head == await store.read(audit.head)
    # A head noted earlier stays in the trail for good.
    assert await store.order(commands.pause, False, "me", LATER)
    await lived(store, 2)
    assert (await verified(store, found.head)).flaws == ()


async def test_what_was_asked_and_answered_is_part_of_the_story(store: Store) -> None:
    await lived(store)
    row = await store.read(read_intent, 1)
    assert row is not None
    assert [(step.to_state, step.trace) for step in row.steps] == [
        (S.PLANNED, None),
        (S.SUBMITTING, None),
        (S.ACKNOWLEDGED, ASKED),
        (S.CONFIRMED, None),
    ]


def unguarded(connection: Connection) -> None:
    """What somebody with the file in hand does first: the tables that only grow lose what guards them."""
    if connection.dialect.name == "postgresql":
        for table in ("audit", "intent_transitions", "intents"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
    for name in names:
        connection.execute(text(f"DROP TRIGGER {name}"))


def _first_answer_is_forged(connection: Connection) -> None:
    data = connection.execute(select(tables.audit.c.data).where(tables.audit.c.seq == 4)).scalar_one()
    connection.execute(update(tables.audit).where(tables.audit.c.seq == 4).values(data=data.replace("77", "78")))


def _a_time_is_forged(connection: Connection) -> None:
    connection.execute(update(tables.audit).where(tables.audit.c.seq == 3).values(at=NOW))


def _a_row_is_removed(connection: Connection) -> None:
    connection.execute(delete(tables.audit).where(tables.audit.c.seq == 2))


def _two_rows_change_places(connection: Connection) -> None:
    for before, after in ((2, 100), (3, 2), (100, 3)):
        connection.execute(update(tables.audit).where(tables.audit.c.seq == before).values(seq=after))


def _a_row_is_removed_and_the_gap_closed(connection: Connection) -> None:
    _a_row_is_removed(connection)
    for seq in (3, 4, 5):
        connection.execute(update(tables.audit).where(tables.audit.c.seq == seq).values(seq=seq - 1))


def _the_trail_is_emptied(connection: Connection) -> None:
    connection.execute(delete(tables.audit))


def _the_trail_is_begun_anew(connection: Connection) -> None:
    connection.execute(delete(tables.audit))
    commands.pause(connection, True, "me", LATER)


def _the_trail_begins_twice(connection: Connection) -> None:
    row = connection.execute(select(tables.audit).where(tables.audit.c.seq == 1)).mappings().one()
    last = audit.head(connection)
    assert last is not None
    connection.execute(insert(tables.audit), {**row, "seq": last.seq + 1})


def _an_amount_is_forged(connection: Connection) -> None:
    connection.execute(update(tables.intents).values(evidence="nothing happened"))


def _a_step_is_removed(connection: Connection) -> None:
    connection.execute(delete(tables.intent_transitions).where(tables.intent_transitions.c.seq == 2))


def _a_note_is_forged(connection: Connection) -> None:
    connection.execute(update(tables.intent_transitions).values(note="all was well"))


def _an_intent_is_removed(connection: Connection) -> None:
    connection.execute(delete(tables.intent_transitions))
    connection.execute(delete(tables.intents))


def _an_intent_is_added(connection: Connection) -> None:
    row = connection.execute(select(tables.intents)).mappings().one()
    connection.execute(insert(tables.intents), {**row, "id": 9, "created_at": LATER})


@pytest.mark.parametrize(
    ("harm", "seq", "words"),
    [
        (_first_answer_is_forged, 4, "altered"),
        (_a_time_is_forged, 3, "altered"),
        (_a_row_is_removed, 3, "rows 2 to 2 are gone"),
        (_two_rows_change_places, 2, "altered"),
        (_a_row_is_removed_and_the_gap_closed, 2, "altered"),
        (_the_trail_is_emptied, None, "it was emptied, or begun anew"),
        (_the_trail_is_begun_anew, None, "it was emptied, or begun anew"),
        (_the_trail_begins_twice, 6, "altered"),
        (_an_amount_is_forged, None, "intent 1 does not stand as the trail says"),
        (_a_step_is_removed, None, "the steps of intent 1 are not those of the trail"),
        (_a_note_is_forged, None, "the steps of intent 1 are not those of the trail"),
        (_an_intent_is_removed, None, "intent 1 is gone"),
        (_an_intent_is_added, None, "intent 9 has no row in the trail"),
    ],
)
async def test_every_harm_is_found(
    store: Store, harm: Callable[[Connection], None], seq: int | None, words: str
) -> None:
    await lived(store)
    await store.order(unguarded)
    await store.order(harm)
    flaw = (await verified(store)).flaws[0]
    assert flaw.seq == seq
    assert words in flaw.what


async def test_the_database_itself_refuses_to_change_the_trail(store: Store) -> None:
    await lived(store)
    for harm in (_a_time_is_forged, _a_row_is_removed):
        with pytest.raises(StoreError, match="audit is append-only"):
            await store.order(harm)


async def test_a_tail_that_was_cut_shows_against_a_head_noted_before(store: Store) -> None:
    await lived(store)
    await store.order(commands.pause, True, "me", LATER)
    noted = await store.read(audit.head)
    assert noted is not None

    def cut(connection: Connection) -> None:
        connection.execute(delete(tables.audit).where(tables.audit.c.seq == noted.seq))

    await store.order(unguarded)
    await store.order(cut)
    assert (await verified(store)).flaws == ()
    [flaw] = (await verified(store, noted)).flaws
    assert "its end was cut off" in flaw.what


async def test_an_emptied_trail_vouches_for_no_intent(store: Store) -> None:
    await lived(store)
    await store.order(unguarded)
    await store.order(_the_trail_is_emptied)
    found = await verified(store)
    assert [flaw.what for flaw in found.flaws][1:] == ["intent 1 has no row in the trail"]
    assert (found.rows, found.head, found.uncovered) == (0, None, 0)


async def test_steps_after_an_emptied_trail_do_not_hide_that_earlier_ones_are_gone(store: Store) -> None:
    born = replace(intent(1), alert=None, plan=None)
    await store.commit(
        Entry("main", NOW, intents=(born,), intent_steps=(IntentStep(1, None, S.PLANNED, NOW, "to reach level 2"),))
    )
    await store.order(unguarded)
    await store.order(_the_trail_is_emptied)
    assert await store.claim(born, LATER, "on a fresh snapshot")
    flaws = [flaw.what for flaw in (await verified(store)).flaws]
    assert "the steps of intent 1 are not those of the trail" in flaws


async def test_a_row_sealed_before_intents_had_all_their_columns_is_no_flaw(store: Store) -> None:
    await lived(store)
    newer = {"market", "side", "quantity", "price", "client_id"}

    def seal_as_it_was(connection: Connection) -> None:
        written = connection.execute(select(tables.audit.c.data).order_by(tables.audit.c.seq.desc()).limit(1)).scalar()
        told = json.loads(str(written))["intent"]
        before = {name: value for name, value in told.items() if name not in newer}
        audit.append_order(connection, "amended", 1, LATER, {"intent": before})

    await store.order(seal_as_it_was)
    assert (await verified(store)).flaws == ()
