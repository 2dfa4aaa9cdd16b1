"""The audit trail tells of every step, and of everything that was done to it afterwards."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update

from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry
from monitor.core.model.order import Accepted, RequestLog
from monitor.core.settlement.transitions import apply_outcome
from monitor.errors import StoreError
from monitor.store.readers.intents import read_intent
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes import audit, commands
from monitor.store.writes.audit import AuditHead, AuditResult
from tests.support.examples.actions import NOW, intent

S = IntentState
LATER = NOW + timedelta(minutes=1)
REQUEST_LOG = RequestLog("POST /sapi/v1/margin/borrow-repay asset=USDT amount=10000", 'HTTP 200 {"tranId":77}')


async def record_intent_history(store: Store, number: int = 1) -> Intent:
    """An intent from its birth to the exchange's answer."""
    born = replace(intent(number), alert=None, plan=None)
    step = IntentStep(number, None, S.PLANNED, NOW, "to reach level 2")
    await store.commit(JournalEntry("main", NOW, intents=(born,), intent_steps=(step,)))
    assert await store.claim(born, LATER, "on a fresh snapshot")
    sent = replace(born, state=S.SUBMITTING, submitted_at=LATER)
    moved = apply_outcome(sent, Accepted("77", REQUEST_LOG), LATER)
    assert await store.record_step(moved.intent, moved.step)
    done = replace(moved.intent, state=S.CONFIRMED, settled_at=LATER, evidence="record 77")
    assert await store.record_step(done, IntentStep(number, S.ACKNOWLEDGED, S.CONFIRMED, LATER, "record 77"))
    return done


async def verify_trail(store: Store, known: AuditHead | None = None) -> AuditResult:
    return await store.read(audit.verify_trail, known)


async def test_untouched_trail_is_valid(store: Store) -> None:
    begun = await verify_trail(store)
    assert begun == AuditResult(1, begun.head, (), 0)
    assert begun.head is not None
    await record_intent_history(store)
    assert await store.execute(commands.set_paused, True, "me", LATER)
    found = await verify_trail(store)
    assert (found.rows, found.problems, found.older_intents) == (6, (), 0)
    assert found.head == await store.read(audit.read_head)
    # A head noted earlier stays in the trail for good.
    assert await store.execute(commands.set_paused, False, "me", LATER)
    await record_intent_history(store, 2)
    assert (await verify_trail(store, found.head)).problems == ()


async def test_request_and_answer_are_part_of_the_trail(store: Store) -> None:
    await record_intent_history(store)
    row = await store.read(read_intent, 1)
    assert row is not None
    assert [(step.to_state, step.trace) for step in row.steps] == [
        (S.PLANNED, None),
        (S.SUBMITTING, None),
        (S.ACKNOWLEDGED, REQUEST_LOG),
        (S.CONFIRMED, None),
    ]


def without_triggers(connection: Connection) -> None:
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
    commands.set_paused(connection, True, "me", LATER)


def _the_trail_begins_twice(connection: Connection) -> None:
    row = connection.execute(select(tables.audit).where(tables.audit.c.seq == 1)).mappings().one()
    last = audit.read_head(connection)
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
async def test_every_tampering_is_found(
    store: Store, harm: Callable[[Connection], None], seq: int | None, words: str
) -> None:
    await record_intent_history(store)
    await store.execute(without_triggers)
    await store.execute(harm)
    flaw = (await verify_trail(store)).problems[0]
    assert flaw.seq == seq
    assert words in flaw.message


async def test_database_refuses_changes_to_the_trail(store: Store) -> None:
    await record_intent_history(store)
    for harm in (_a_time_is_forged, _a_row_is_removed):
        with pytest.raises(StoreError, match="audit is append-only"):
            await store.execute(harm)


async def test_truncated_trail_is_found_by_an_earlier_head(store: Store) -> None:
    await record_intent_history(store)
    await store.execute(commands.set_paused, True, "me", LATER)
    noted = await store.read(audit.read_head)
    assert noted is not None

    def cut(connection: Connection) -> None:
        connection.execute(delete(tables.audit).where(tables.audit.c.seq == noted.seq))

    await store.execute(without_triggers)
    await store.execute(cut)
    assert (await verify_trail(store)).problems == ()
    [flaw] = (await verify_trail(store, noted)).problems
    assert "its end was cut off" in flaw.message


async def test_an_emptied_trail_vouches_for_no_intent(store: Store) -> None:
    await record_intent_history(store)
    await store.execute(without_triggers)
    await store.execute(_the_trail_is_emptied)
    found = await verify_trail(store)
    assert [flaw.message for flaw in found.problems][1:] == ["intent 1 has no row in the trail"]
    assert (found.rows, found.head, found.older_intents) == (0, None, 0)


async def test_later_steps_do_not_hide_an_emptied_trail(store: Store) -> None:
    born = replace(intent(1), alert=None, plan=None)
    await store.commit(
        JournalEntry(
            "main", NOW, intents=(born,), intent_steps=(IntentStep(1, None, S.PLANNED, NOW, "to reach level 2"),)
        )
    )
    await store.execute(without_triggers)
    await store.execute(_the_trail_is_emptied)
    assert await store.claim(born, LATER, "on a fresh snapshot")
    flaws = [flaw.message for flaw in (await verify_trail(store)).problems]
    assert "the steps of intent 1 are not those of the trail" in flaws


async def test_a_row_sealed_before_intents_had_all_their_columns_is_no_flaw(store: Store) -> None:
    await record_intent_history(store)
    newer = {"market", "side", "quantity", "price", "client_id"}

    def seal_as_it_was(connection: Connection) -> None:
        written = connection.execute(select(tables.audit.c.data).order_by(tables.audit.c.seq.desc()).limit(1)).scalar()
        told = json.loads(str(written))["intent"]
        before = {name: value for name, value in told.items() if name not in newer}
        audit.append_command(connection, "amended", 1, LATER, {"intent": before})

    await store.execute(seal_as_it_was)
    assert (await verify_trail(store)).problems == ()
