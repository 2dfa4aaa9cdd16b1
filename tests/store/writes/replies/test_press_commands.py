"""Commands of presses: each refuses with the reason what is too late, done already, or about something else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.model.alert import AlertState
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry
from monitor.errors import CommandRefused
from monitor.store import commands_in_force
from monitor.store.store import Store
from monitor.store.writes.replies import press_commands, presses
from monitor.store.writes.replies.presses import Press
from monitor.view.messages.buttons import moment_mark
from tests.support.examples.store_rows import NOW, alert, at, firing_entry, intent, step

MARK = moment_mark(NOW)
HOUR = timedelta(hours=1)


async def test_alert_is_acknowledged_once_and_by_its_own_mark(store: Store) -> None:
    await store.commit(firing_entry(17, "chat"))
    with pytest.raises(CommandRefused, match="another alert under this number"):
        await store.execute(press_commands.acknowledge, 17, moment_mark(at(1)), "ann", NOW)
    assert "acknowledged" in await store.execute(press_commands.acknowledge, 17, MARK, "ann", NOW)
    with pytest.raises(CommandRefused, match="ann has acknowledged alert #17 already"):
        await store.execute(press_commands.acknowledge, 17, MARK, "bob", at(1))
    await store.commit(JournalEntry("main", at(9), alerts=(alert(17, AlertState.RESOLVED),)))
    with pytest.raises(CommandRefused, match="alert #17 is resolved already"):
        await store.execute(press_commands.acknowledge, 17, "", "bob", at(9))
    with pytest.raises(CommandRefused, match="there is no alert #18"):
        await store.execute(press_commands.acknowledge, 18, MARK, "bob", at(9))


async def test_silence_covers_the_alert_of_the_message_and_nothing_else(store: Store) -> None:
    await store.commit(firing_entry(17, "chat"))
    await store.execute(press_commands.silence, 17, MARK, HOUR, "chat", "ann", NOW)
    (silence,) = await store.read(commands_in_force.read_silences)
    assert {matcher.name: matcher.value for matcher in silence.matchers} == {
        "rule": "near-call",
        "account": "main",
        "scope": "cross",
    }
    assert (silence.ends_at, silence.author, silence.include_critical, silence.channel) == (
        NOW + HOUR,
        "ann",
        True,
        "chat",
    )
    with pytest.raises(CommandRefused, match="by ann already"):
        await store.execute(press_commands.silence, 17, MARK, HOUR, "chat", "bob", at(60))


async def test_proposal_is_decided_once(store: Store) -> None:
    proposal = replace(intent(5, IntentState.PROPOSED), mode="approve", created_at=NOW, expires_at=at(600))
    await store.commit(
        JournalEntry("main", NOW, intents=(proposal,), intent_steps=(step(5, None, IntentState.PROPOSED),))
    )
    with pytest.raises(CommandRefused, match="another proposal"):
        await store.execute(press_commands.decide, 5, "zz", True, "ann", at(1))
    with pytest.raises(CommandRefused, match="waited too long"):
        await store.execute(press_commands.decide, 5, MARK, True, "ann", at(601))
    assert "approved: repay 500 USDT" in await store.execute(press_commands.decide, 5, MARK, True, "ann", at(1))
    with pytest.raises(CommandRefused, match="ann has approved it already"):
        await store.execute(press_commands.decide, 5, MARK, False, "bob", at(2))


async def test_pause_is_recorded_with_who_gave_it(store: Store) -> None:
    await store.execute(press_commands.pause, "ann", NOW)
    assert await store.read(commands_in_force.read_pause) == ("ann", NOW)
    with pytest.raises(CommandRefused, match="paused by ann already"):
        await store.execute(press_commands.pause, "bob", at(1))


async def test_stranger_is_answered_once_a_day_and_not_without_end(store: Store) -> None:
    eve = Press("telegram:press:1", "chat", "telegram:(666)", presses.NOT_LISTED, NOW)
    assert await store.execute(presses.note_stranger, eve, 2)
    assert not await store.execute(presses.note_stranger, replace(eve, key="2", at=at(60)), 2)
    assert await store.execute(presses.note_stranger, replace(eve, key="3", user="telegram:(667)"), 2)
    assert not await store.execute(presses.note_stranger, replace(eve, key="4", user="telegram:(668)"), 2)
    assert await store.execute(presses.note_stranger, replace(eve, key="5", at=at(86_401)), 2)
