"""Orders under way whose account, or action, was taken out of the configuration before they were settled."""

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from monitor.core.model.intent import FINAL_STATES, IntentState
from monitor.store.db.schema_migration import upgrade
from monitor.store.store import Store
from tests.support.command import margin_monitor
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.examples.store_rows import intent, planned_entry, step
from tests.support.money_actions import intents, money_requests
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

S = IntentState
WALK = {
    S.PLANNED: (),
    S.SUBMITTING: (S.SUBMITTING,),
    S.UNCERTAIN: (S.SUBMITTING, S.UNCERTAIN),
    S.ACKNOWLEDGED: (S.SUBMITTING, S.ACKNOWLEDGED),
}


async def database_with_open_intent(folder: Path, account: str, state: IntentState, now: datetime) -> None:
    """A database in which a daemon that is gone left an order of the account in this state."""
    url = f"sqlite:///{folder}/monitor.db"
    upgrade(url)
    store = Store.open(url)
    try:
        born = replace(intent(1, account=account), created_at=now)
        await store.commit(planned_entry(born))
        before = S.PLANNED
        for each in WALK[state]:
            sent = replace(born, state=each, submitted_at=now, ref="77" if each is S.ACKNOWLEDGED else None)
            assert await store.record_step(sent, step(1, before, each))
            before = each
    finally:
        await store.close()


def notices(sink: HttpSink) -> list[tuple[str, str]]:
    found = [one.json() for one in list(sink.received)]
    return [(str(one["severity"]), str(one["text"])) for one in found if one["reason"] == "notice"]


@pytest.mark.parametrize("state", [S.SUBMITTING, S.UNCERTAIN, S.ACKNOWLEDGED], ids=str)
async def test_intent_of_a_removed_account_becomes_unresolved(tmp_path: Path, state: IntentState) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            clock = clock_of(box.sandbox)
            await database_with_open_intent(tmp_path, "old", state, clock.now())
            async with in_process_daemon(config, clock):
                await eventually(lambda: has_notice(sink, "actions resolve 1"))
                (orphan,) = intents(tmp_path)
                ((severity, text),) = [each for each in notices(sink) if "actions resolve 1" in each[1]]
                said = await asyncio.to_thread(
                    margin_monitor, config, "actions", "resolve", "1", "--as", "failed", "--comment", "not there"
                )
                assert said.code == 0, said
            assert money_requests(box.sandbox.requests) == []
    assert (orphan.account, orphan.state, severity) == ("old", S.UNRESOLVED, "critical")
    assert "old cross: repay 500 USDT" in text
    assert "its account is not in the configuration any more" in text
    assert [one.state for one in intents(tmp_path)] == [S.FAILED]


async def test_unsent_intent_of_a_removed_account_expires(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready)
        clock = clock_of(box.sandbox)
        await database_with_open_intent(tmp_path, "old", S.PLANNED, clock.now())
        async with in_process_daemon(config, clock):

            async def is_over() -> bool:
                return [one.state for one in intents(tmp_path)] == [S.EXPIRED]

            await eventually(is_over)


async def test_intent_of_a_removed_action_is_observed_until_settled(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            safety = '[safety]\nsettle = "5s"\nunresolved_after = "5s"\n'
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, more=safety)
            clock = clock_of(box.sandbox)
            await database_with_open_intent(tmp_path, "main", S.UNCERTAIN, clock.now())
            async with in_process_daemon(config, clock):
                await eventually(lambda: has_notice(sink, "R-1"), 30)
                (orphan,) = intents(tmp_path)
            assert money_requests(box.sandbox.requests) == []
    assert orphan.state in FINAL_STATES | {S.UNRESOLVED}


async def has_notice(sink: HttpSink, words: str) -> bool:
    return any(words in text for _, text in notices(sink))
