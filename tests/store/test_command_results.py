"""Commands together with what they changed, on both databases."""

import dataclasses

import pytest

from monitor.core.model.alert import Ack, Silence, SilenceMatcher
from monitor.core.model.intent import IntentState
from monitor.errors import RecordNotFound
from monitor.store import command_results, commands_in_force
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.support.examples.store_rows import NOW, at, firing_entry, intent, planned_entry

AUTHOR = "web 192.0.2.1"


async def test_acknowledged_alert_is_returned(store: Store) -> None:
    await store.commit(firing_entry(17))
    row = await store.execute(command_results.acknowledge, Ack(17, AUTHOR, at(1), "on it"))
    assert row.alert.id == 17
    read = await store.read_commands(at(1))
    assert read is not None
    assert read.event.acks == (Ack(17, AUTHOR, at(1), "on it"),)


async def test_ended_silence_is_returned(store: Store) -> None:
    wanted = Silence(0, (SilenceMatcher("rule", "=", "thin"),), NOW, at(60), AUTHOR, "work")
    silence = await store.execute(commands.add_silence, wanted)
    ended = await store.execute(command_results.expire_silence, silence.id, at(2))
    assert ended == dataclasses.replace(silence, ends_at=at(2))


async def test_pause_and_resumption_say_whether_they_changed_anything(store: Store) -> None:
    answers = [await store.execute(command_results.set_paused, to, AUTHOR, NOW) for to in (True, True, False, False)]
    assert answers == [(True, ()), (False, ()), (True, ()), (False, ())]


async def test_decided_intent_is_returned(store: Store) -> None:
    await store.commit(planned_entry(dataclasses.replace(intent(1, IntentState.PROPOSED), expires_at=at(600))))
    row = await store.execute(command_results.decide_proposal, 1, True, AUTHOR, at(1))
    assert row.intent.id == 1
    with pytest.raises(RecordNotFound):
        await store.execute(command_results.decide_proposal, 9, True, AUTHOR, at(1))


async def test_requested_drill_is_returned(store: Store) -> None:
    drill = await store.execute(command_results.request_drill, "thin", AUTHOR, NOW)
    assert (drill.rule, drill.by, drill.requested_at, drill.done_at) == ("thin", AUTHOR, NOW, None)


async def test_reader_of_its_own_sees_what_is_committed(store: Store) -> None:
    await store.commit(firing_entry(17))
    reader = store.new_reader("test-reader")
    try:
        assert await reader.run(commands_in_force.is_paused) is False
        await store.execute(commands.set_paused, True, AUTHOR, NOW)
        assert await reader.run(commands_in_force.is_paused) is True
    finally:
        reader.close()
