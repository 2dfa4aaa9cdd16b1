"""An intent moves one way, one step at a time, and for one caller only; the database itself sees to it."""

import asyncio
import dataclasses
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from monitor.core.model.account import Scope
from monitor.core.model.intent import IN_FLIGHT_STATES, LEGAL_TRANSITIONS, Intent, IntentState
from monitor.core.model.journal import JournalEntry
from monitor.errors import StoreError
from monitor.store.db import connections as opening
from monitor.store.readers.intents import read_intent, read_intents
from monitor.store.schema import tables
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.support.examples.store_rows import NOW, at, intent, planned_entry, step

S = IntentState

EDGES = [
    ("-", "PROPOSED PLANNED"),
    ("PROPOSED", "PLANNED REJECTED EXPIRED"),
    ("PLANNED", "SUBMITTING EXPIRED SIMULATED"),
    ("SUBMITTING", "ACKNOWLEDGED REFUSED UNCERTAIN EXPIRED"),
    ("ACKNOWLEDGED", "CONFIRMED FAILED UNRESOLVED"),
    ("UNCERTAIN", "CONFIRMED FAILED UNRESOLVED"),
    ("UNRESOLVED", "CONFIRMED FAILED"),
]
ALLOWED = {(start, end) for start, ends in EDGES for end in ends.split()}


def test_the_core_and_this_test_know_the_same_edges() -> None:
    assert {(start or "-", end) for start, end in LEGAL_TRANSITIONS} == ALLOWED


async def test_the_database_lets_no_state_jump(store: Store, database_url: str) -> None:
    await store.commit(planned_entry(intent(1)))
    engine = opening.writing_engine(opening.parse_url(database_url))
    for end in (S.CONFIRMED, S.ACKNOWLEDGED, S.PROPOSED):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(update(tables.intents).values(state=end))
    engine.dispose()


async def test_steps_of_an_intent_can_be_neither_changed_nor_removed(store: Store, database_url: str) -> None:
    await store.commit(planned_entry(intent(1)))
    engine = opening.writing_engine(opening.parse_url(database_url))
    for change in (update(tables.intent_transitions).values(note="x"), tables.intent_transitions.delete()):
        with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
            connection.execute(change)
    engine.dispose()


async def test_database_refuses_a_second_intent_in_flight_of_a_kind(store: Store, database_url: str) -> None:
    await store.commit(planned_entry(intent(1), intent(2)))
    engine = opening.writing_engine(opening.parse_url(database_url))
    table = tables.intent_transitions
    sent = {"seq": 2, "from_state": S.PLANNED, "to_state": S.SUBMITTING, "at": NOW, "note": "", "epoch": 1}
    with engine.begin() as connection:
        connection.execute(insert(table), {**sent, "intent": 1})
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(table), {**sent, "intent": 2})
    engine.dispose()


async def test_only_one_of_a_kind_is_in_flight_and_other_kinds_go_on(store: Store) -> None:
    pair = Scope("BTCUSDT")
    await store.commit(planned_entry(intent(1), intent(2), intent(3, asset="BTC"), intent(4, scope=pair)))
    await store.commit(planned_entry(intent(5, account="other")))
    assert await store.claim(intent(1), NOW)
    assert [await store.claim(intent(n), NOW) for n in (1, 2)] == [False, False]
    assert await store.claim(intent(3, asset="BTC"), NOW)
    assert await store.claim(intent(4, scope=pair), NOW)
    assert await store.claim(intent(5, account="other"), NOW)
    refused = dataclasses.replace(intent(1, S.REFUSED), submitted_at=NOW)
    assert await store.record_step(refused, step(1, S.SUBMITTING, S.REFUSED))
    assert await store.claim(intent(2), at(1))


async def test_a_claim_is_recorded_with_its_time_and_figures(store: Store) -> None:
    await store.commit(planned_entry(intent(1)))
    seen = dataclasses.replace(intent(1), owed_before=intent(1).amount, free_before=intent(1).amount)
    assert await store.claim(seen, at(2), "sending")
    found = await store.read(read_intent, 1)
    assert found is not None
    assert found.intent == dataclasses.replace(seen, state=S.SUBMITTING, submitted_at=at(2))
    assert found.steps == (
        step(1, None, S.PLANNED),
        step(1, S.PLANNED, S.SUBMITTING, 2, "sending"),
    )


async def test_nothing_is_claimed_while_actions_are_paused(store: Store) -> None:
    await store.commit(planned_entry(intent(1)))
    await store.execute(commands.set_paused, True, "ann", NOW)
    assert not await store.claim(intent(1), NOW)
    await store.execute(commands.set_paused, False, "ann", NOW)
    assert await store.claim(intent(1), NOW)


async def test_step_from_an_outdated_state_is_not_recorded(store: Store) -> None:
    await store.commit(planned_entry(intent(1)))
    await store.claim(intent(1), NOW)
    assert await store.record_step(intent(1, S.UNCERTAIN), step(1, S.SUBMITTING, S.UNCERTAIN))
    assert not await store.record_step(intent(1, S.ACKNOWLEDGED), step(1, S.SUBMITTING, S.ACKNOWLEDGED))
    with pytest.raises(StoreError, match="cannot go from UNCERTAIN to PLANNED"):
        await store.record_step(intent(1, S.PLANNED), step(1, S.UNCERTAIN, S.PLANNED))


async def test_one_entry_may_carry_an_intent_through_several_steps(store: Store) -> None:
    dry = intent(1, S.SIMULATED)
    steps = (step(1, None, S.PLANNED), step(1, S.PLANNED, S.SIMULATED))
    await store.commit(JournalEntry("main", NOW, intents=(dry,), intent_steps=steps))
    assert await store.read(read_intents) == ()
    (found,) = await store.read(read_intents, include_final=True)
    assert (found.intent, found.steps) == (dry, steps)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((step(1, None, S.PLANNED),), "its steps end at PLANNED, not at EXPIRED"),
        ((step(2, None, S.PLANNED),), "steps of intents that are not in the entry"),
        ((), "intent 1 is no longer EXPIRED"),
        ((step(1, None, S.EXPIRED),), "the database refused it"),
    ],
)
async def test_an_entry_whose_steps_do_not_fit_is_refused(store: Store, steps: tuple[object, ...], words: str) -> None:
    entry = JournalEntry("main", NOW, intents=(intent(1, S.EXPIRED),), intent_steps=steps)  # type: ignore[arg-type]  # narrower
    with pytest.raises(StoreError, match=words):
        await store.commit(entry)
    assert await store.read(read_intents, include_final=True) == ()


async def test_submitting_intent_becomes_uncertain_at_a_restart(store: Store) -> None:
    await store.commit(planned_entry(intent(1), intent(2, asset="BTC")))
    await store.claim(intent(1), NOW)
    (found,) = await store.recover_interrupted(at(60))
    assert (found.id, found.state, found.submitted_at) == (1, S.UNCERTAIN, NOW)
    assert await store.recover_interrupted(at(61)) == ()
    row = await store.read(read_intent, 1)
    assert row is not None
    assert row.steps[-1] == step(1, S.SUBMITTING, S.UNCERTAIN, 60, "the daemon ended while sending")
    assert not await store.claim(intent(1), at(62))


async def test_open_and_last_day_intents_are_loaded(store: Store) -> None:
    for number, hours in ((1, 0), (2, 1), (3, 2)):
        await store.commit(planned_entry(intent(number)))
        await store.claim(intent(number), at(3600 * hours))
        end = S.REFUSED if number == 2 else S.UNCERTAIN
        await store.record_step(
            dataclasses.replace(intent(number, end), submitted_at=at(3600 * hours)), step(number, S.SUBMITTING, end)
        )
        if number == 1:
            done = dataclasses.replace(intent(1, S.CONFIRMED), submitted_at=NOW, settled_at=NOW)
            await store.record_step(done, step(1, S.UNCERTAIN, S.CONFIRMED))
    await store.commit(planned_entry(intent(4)))
    assert [one.id for one in (await store.load_state("main", at(3600 * 60))).intents] == [3, 4]


def by_hand(number: int) -> Intent:
    """An order that is sent beside a daemon, without the lease."""
    return dataclasses.replace(intent(number, asset=f"A{number}"), mode="manual")


async def test_of_many_threads_exactly_one_claims(store: Store, database_url: str) -> None:
    for number in range(1, 6):
        await store.commit(planned_entry(by_hand(number)))
        answers: list[bool] = []
        barrier = Barrier(4)

        def claim_one(number: int = number, barrier: Barrier = barrier, answers: list[bool] = answers) -> None:
            mine = Store.open(database_url, exclusive=False)
            barrier.wait()
            answers.append(asyncio.run(_claim_and_close(mine, number)))

        threads = [Thread(target=claim_one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [False, False, False, True]


async def test_of_two_processes_exactly_one_claims(store: Store, database_url: str) -> None:
    numbers = list(range(1, 41))
    await store.commit(planned_entry(*map(by_hand, numbers)))
    first, second = await asyncio.to_thread(_claim_in_two_processes, database_url, len(numbers))
    assert sorted(first + second) == numbers


def test_four_states_are_in_flight() -> None:
    assert {str(state) for state in IN_FLIGHT_STATES} == {"SUBMITTING", "ACKNOWLEDGED", "UNCERTAIN", "UNRESOLVED"}


async def _claim_and_close(store: Store, number: int) -> bool:
    try:
        while True:
            # On a busy machine the others hold the row for longer than a claim waits: nothing was claimed.
            with suppress(StoreError):
                return await store.claim(by_hand(number), NOW)
    finally:
        await store.close()


def _claim_in_two_processes(url: str, count: int) -> list[list[int]]:
    """The numbers that each of two processes claimed, which began together."""
    command = [sys.executable, "-c", CLAIM_ALL, url, str(count)]
    root = Path(__file__).parents[3]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.communicate(timeout=60)[0]) for process in processes]


CLAIM_ALL = """
import asyncio, json, sys
from monitor.store.db import connections, writer
from monitor.store.store import Store
from tests.store.writes.test_intents import by_hand
from tests.support.examples.store_rows import NOW

# Whom the other keeps waiting waits on: who claims is the question, not how long it takes.
connections.BUSY_TIMEOUT_S, writer.WRITE_TIMEOUT_S = 60, 60.0

async def main():
    store = Store.open(sys.argv[1], exclusive=False)
    print("ready", flush=True)
    sys.stdin.readline()
    won = [n for n in range(1, int(sys.argv[2]) + 1) if await store.claim(by_hand(n), NOW)]
    await store.close()
    print(json.dumps(won))

asyncio.run(main())
"""
