"""People's orders: written by any process, read by the daemon when there is something new."""

import dataclasses

import pytest

from monitor.core.model.alert import Ack, AlertState, Silence, SilenceMatcher
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryState
from monitor.errors import CommandRefused
from monitor.store import commands_in_force
from monitor.store.command_store import CommandStore
from monitor.store.readers.intents import read_intent
from monitor.store.store import Store
from monitor.store.writes import audit, commands
from monitor.store.writes.intents import read_recent
from monitor.store.writes.outbox import read_due_deliveries
from tests.support.examples.store_rows import NOW, alert, at, firing_entry, intent, planned_entry, step

S = IntentState


async def test_commands_are_read_only_when_changed(store: Store) -> None:
    first = await store.read_commands(NOW)
    assert first is not None
    assert await store.read_commands(NOW, first.change_number) is None
    await store.execute(commands.set_paused, True, "ann", NOW)
    second = await store.read_commands(NOW, first.change_number)
    assert second is not None
    assert second.event.paused
    assert not await store.execute(commands.set_paused, True, "bob", NOW)
    assert await store.read_commands(NOW, second.change_number) is None


async def test_another_process_writes_commands_beside_the_daemon(store: Store, database_url: str) -> None:
    await store.commit(firing_entry(17))
    with CommandStore.open(database_url) as people:
        people.execute(commands.acknowledge, 17, "ann", "on it", at(1))
        people.execute(commands.acknowledge, 17, "bob", "me too", at(2))
    orders = await store.read_commands(NOW)
    assert orders is not None
    assert orders.event.acks == (Ack(17, "bob", at(2), "me too"),)
    await store.commit(JournalEntry("main", NOW, alerts=(dataclasses.replace(alert(17), state=AlertState.RESOLVED),)))
    later = await store.read_commands(NOW)
    assert later is not None
    assert later.event.acks == ()


async def test_only_an_open_alert_can_be_acknowledged(store: Store) -> None:
    await store.commit(JournalEntry("main", NOW, alerts=(alert(1, AlertState.RESOLVED),)))
    with pytest.raises(CommandRefused, match="there is no alert #9"):
        await store.execute(commands.acknowledge, 9, "ann", "", NOW)
    with pytest.raises(CommandRefused, match="alert #1 is resolved already"):
        await store.execute(commands.acknowledge, 1, "ann", "", NOW)


async def test_a_silence_holds_until_it_ends_or_is_ended(store: Store) -> None:
    wanted = Silence(
        0, (SilenceMatcher("rule", "=~", "near-.*"), SilenceMatcher("account", "!=", "b")), NOW, at(60), "ann", "work"
    )
    silence = await store.execute(commands.add_silence, wanted)
    assert silence == dataclasses.replace(wanted, id=silence.id)
    orders = await store.read_commands(at(1))
    assert orders is not None
    assert orders.event.silences == (silence,)
    await store.execute(commands.expire_silence, silence.id, at(2))
    orders = await store.read_commands(at(2))
    assert orders is not None
    assert orders.event.silences == ()
    assert await store.read(commands_in_force.read_silences) == (dataclasses.replace(silence, ends_at=at(2)),)
    with pytest.raises(CommandRefused, match="over already"):
        await store.execute(commands.expire_silence, silence.id, at(3))
    with pytest.raises(CommandRefused, match="there is no silence 99"):
        await store.execute(commands.expire_silence, 99, at(3))


async def test_ended_silence_is_read_while_an_open_alert_was_kept_quiet_by_it(store: Store) -> None:
    wanted = Silence(0, (SilenceMatcher("account", "=", "main"),), NOW, at(60), "ann", "work", channel="phone")
    silence = await store.execute(commands.add_silence, wanted)
    quiet = dataclasses.replace(alert(17), silenced_by=silence.id, kept_quiet_by=silence.id)
    await store.commit(JournalEntry("main", NOW, alerts=(quiet,)))
    during, after = await store.read_commands(at(59)), await store.read_commands(at(60))
    assert during is not None and after is not None
    assert (during.event.silences, during.event.ended_silences) == ((silence,), ())
    assert (after.event.silences, after.event.ended_silences) == ((), (silence,))
    await store.commit(JournalEntry("main", NOW, alerts=(dataclasses.replace(quiet, kept_quiet_by=None),)))
    notified = await store.read_commands(at(60))
    assert notified is not None
    assert notified.event.ended_silences == ()


async def test_an_approval_is_read_while_the_intent_is_proposed(store: Store) -> None:
    await store.commit(
        planned_entry(dataclasses.replace(intent(1, S.PROPOSED), expires_at=at(600)), intent(2, S.PROPOSED))
    )
    await store.execute(commands.decide_proposal, 1, True, "ann", at(1))
    await store.execute(commands.decide_proposal, 2, False, "ann", at(1))
    orders = await store.read_commands(NOW)
    assert orders is not None
    assert orders.event.decisions == {1: True, 2: False}
    await store.commit(
        JournalEntry("main", NOW, intents=(intent(1),), intent_steps=(step(1, S.PROPOSED, S.PLANNED),)),
    )
    orders = await store.read_commands(NOW)
    assert orders is not None
    assert orders.event.decisions == {2: False}


async def test_an_approval_comes_too_late_or_after_a_rejection_or_not_at_all(store: Store) -> None:
    await store.commit(planned_entry(dataclasses.replace(intent(1, S.PROPOSED), expires_at=at(600)), intent(2)))
    with pytest.raises(CommandRefused, match="waited too long"):
        await store.execute(commands.decide_proposal, 1, True, "ann", at(600))
    await store.execute(commands.decide_proposal, 1, True, "ann", at(1))
    await store.execute(commands.decide_proposal, 1, False, "ann", at(2))
    with pytest.raises(CommandRefused, match="was rejected already"):
        await store.execute(commands.decide_proposal, 1, True, "bob", at(3))
    with pytest.raises(CommandRefused, match="intent 2 is PLANNED"):
        await store.execute(commands.decide_proposal, 2, True, "bob", at(3))
    with pytest.raises(CommandRefused, match="there is no intent 3"):
        await store.execute(commands.decide_proposal, 3, True, "bob", at(3))


async def test_time_of_a_proposal_starts_with_its_first_delivered_message(store: Store) -> None:
    asks = dataclasses.replace(intent(1, S.PROPOSED), expires_at=at(600))
    notice = Notice("critical", "R-1 waits for you", ("phone", "mail"), NOW, intent=1)
    entry = planned_entry(asks, intent(2, S.PROPOSED))
    phone, mail = (await store.commit(dataclasses.replace(entry, notices=(notice,)))).deliveries
    failed, sent = DeliveryState.QUEUED, DeliveryState.SENT
    await store.record_attempts([DeliveryAttempt("phone", phone.key, at(1), False, "503", failed, at(30))])
    before = await store.read_commands(NOW)
    assert before is not None and not before.event.asked_at
    await store.record_attempts([DeliveryAttempt("mail", mail.key, at(100), True, "250", sent)])
    await store.record_attempts([DeliveryAttempt("phone", phone.key, at(200), True, "200", sent)])
    orders = await store.read_commands(NOW, before.change_number)
    assert orders is not None and orders.event.asked_at == {1: at(100)}
    known = {one.id: one for one in await store.read(read_recent, "main", at(201))}
    assert (known[1].asked_at, known[1].expires_at) == (at(100), at(700))
    assert known[2].asked_at is None
    # A step that knew nothing of it leaves it as it is.
    over = dataclasses.replace(asks, state=S.REJECTED, settled_at=at(300))
    await store.commit(JournalEntry("main", NOW, intents=(over,), intent_steps=(step(1, S.PROPOSED, S.REJECTED),)))
    assert {one.id: one.asked_at for one in await store.read(read_recent, "main", at(301))} == {1: at(100), 2: None}
    assert (await store.read(audit.verify_trail)).problems == ()


async def test_only_unresolved_intents_can_be_resolved(store: Store) -> None:
    await store.commit(planned_entry(intent(1)))
    await store.claim(intent(1), NOW)
    await store.record_step(intent(1, S.UNCERTAIN), step(1, S.SUBMITTING, S.UNCERTAIN))
    with pytest.raises(CommandRefused, match="intent 1 is UNCERTAIN"):
        await store.execute(commands.resolve_intent, 1, S.CONFIRMED, "ann", "seen in the app", at(5), ("phone",))
    await store.record_step(intent(1, S.UNRESOLVED), step(1, S.UNCERTAIN, S.UNRESOLVED))
    assert await store.read(read_due_deliveries, "phone", at(9)) == ()
    settled = await store.execute(
        commands.resolve_intent, 1, S.CONFIRMED, "ann", "seen in the app", at(5), ("phone", "mail")
    )
    for channel in ("phone", "mail"):
        (told,) = await store.read(read_due_deliveries, channel, at(5))
        assert (told.reason, told.severity) == ("notice", "info")
        assert told.text is not None
        assert told.text.endswith("R-1): counts as done (resolved by ann: seen in the app)")
    with pytest.raises(CommandRefused, match="intent 1 is CONFIRMED"):
        await store.execute(commands.resolve_intent, 1, S.FAILED, "bob", "not there", at(6), ("phone",))
    assert len(await store.read(read_due_deliveries, "phone", at(9))) == 1
    found = await store.read(read_intent, 1)
    assert found is not None
    assert found.intent == settled
    assert found.steps[-1] == step(1, S.UNRESOLVED, S.CONFIRMED, 5, "resolved by ann: seen in the app")
    orders = await store.read_commands(at(6))
    assert orders is not None
    assert orders.settled_intents == (settled,)


async def test_drill_waits_for_the_daemon_and_reports_its_result(store: Store) -> None:
    number = await store.execute(commands.request_drill, "near-call", "ann", NOW)
    orders = await store.read_commands(NOW)
    assert orders is not None
    assert [(drill.id, drill.rule) for drill in orders.drills] == [(number, "near-call")]
    await store.finish_drill(number, at(1), "told phone")
    drill = await store.read(commands.read_drill, number)
    assert drill is not None
    assert (drill.done_at, drill.outcome) == (at(1), "told phone")
