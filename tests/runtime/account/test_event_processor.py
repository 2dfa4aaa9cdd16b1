"""The decider of one account: what it took is committed, whatever interrupts it and whatever can't be stored."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from monitor.core.engine.step import IdSource, Policy
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.account import CROSS
from monitor.core.model.events import CommandsRead, StreamEvent, Tick
from monitor.core.model.journal import JournalEntry
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.runtime.account.event_processor import EventProcessor
from monitor.runtime.account.inbox import Inbox
from monitor.runtime.account.journal_backlog import JournalBacklog
from monitor.runtime.account.live_document import MAX_LIVE_AGE_S
from monitor.runtime.load.time_budget import TimeBudgets
from monitor.store.readers.events import read_events
from monitor.store.store import Store
from monitor.store.writes.journal import CommitResult
from tests.support.clocks.manual_clock import ManualClock
from tests.support.postgres import PostgresServer

NOW = datetime(2025, 10, 10, 21, tzinfo=UTC)


class RecordingListener:
    """What the others were told of: the keys of committed events, and the metrics that live documents showed."""

    def __init__(self) -> None:
        self.committed_keys: list[str] = []
        self.shown: list[MetricsSnapshot] = []
        self.now = 0.0

    def on_committed(self, entry: JournalEntry, committed: CommitResult) -> None:
        self.committed_keys += [event.key for event in entry.events]

    def on_unrecorded(self, state: AccountState, entry: JournalEntry) -> None:
        raise AssertionError("the store does not fail here")

    def on_step(
        self, state: AccountState, wants: frozenset[str], intervals: Mapping[str, timedelta], reread: bool
    ) -> None:
        """Of no interest."""

    def write_live(self, state: AccountState, metrics: MetricsSnapshot) -> str:
        self.shown.append(metrics)
        return "{}"


def event(number: int, payload: str = "{}") -> StreamEvent:
    return StreamEvent("account", CROSS, "balanceUpdate", f"key-{number}", NOW, NOW, payload)


@asynccontextmanager
async def make_runner(
    url: str, by_account: bool = False, budgets: TimeBudgets | None = None
) -> AsyncIterator[tuple[EventProcessor, Inbox, Store, RecordingListener]]:
    store = await asyncio.to_thread(Store.open, url, by_account=by_account)
    inbox, heard = Inbox(), RecordingListener()
    numbers = itertools.count(1)
    runner = EventProcessor(
        state=AccountState(account="main", started_at=NOW),
        policy=Policy(settings=AccountSettings(account="main")),
        store=store,
        clock=ManualClock(NOW),
        inbox=inbox,
        ids=IdSource(numbers.__next__, numbers.__next__),
        listener=heard,
        live_document=heard.write_live,
        machine_time=lambda: heard.now,
        budgets=budgets,
    )
    try:
        yield runner, inbox, store, heard
    finally:
        await store.close()


async def recorded(store: Store) -> set[str]:
    return {row.key for row in await store.read(read_events, limit=None)}


async def test_taken_events_are_committed_although_the_runner_is_cancelled(database_url: str) -> None:
    async with make_runner(database_url) as (runner, inbox, store, heard):
        for number in range(300):
            inbox.put(event(number))
        running = asyncio.create_task(runner.run())
        # One turn of the loop: the events are taken, and their commit has hardly begun.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await runner.drain()
        assert await recorded(store) == {f"key-{number}" for number in range(300)}
        assert sorted(heard.committed_keys) == sorted(await recorded(store))


async def test_finish_commits_all_waiting_events(database_url: str) -> None:
    async with make_runner(database_url) as (runner, inbox, store, _):
        for number in range(1200):
            inbox.put(event(number))
        await runner.drain()
        assert inbox.is_empty
        assert len(await recorded(store)) == 1200


async def test_unstorable_event_does_not_block_others(database_url: str) -> None:
    async with make_runner(database_url) as (runner, inbox, store, _):
        inbox.put(event(1))
        # PostgreSQL takes no NUL in a text.
        inbox.put(event(2, "\0"))
        inbox.put(event(3))
        await runner.drain()
        inbox.put(event(4))
        await runner.drain()
        assert await recorded(store) | {"key-2"} == {"key-1", "key-2", "key-3", "key-4"}
        assert not store.is_failing


async def test_spilled_events_are_recorded_first_by_the_next_runner(database_url: str) -> None:
    async with make_runner(database_url) as (_, _, store, _):
        store.spill("main").append([event(1), event(2)])
    async with make_runner(database_url) as (runner, inbox, store, heard):
        inbox.put(event(2))
        inbox.put(event(3))
        await runner.drain()
        assert await recorded(store) == {"key-1", "key-2", "key-3"}
        assert heard.committed_keys[:2] == ["key-1", "key-2"]
        assert store.spill("main").is_empty


async def test_spilled_events_of_an_account_that_is_not_held_stay(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    name = f"not_held_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    postgres_server.create_database(name, postgres_template)
    url = postgres_server.url(name)
    async with make_runner(url, by_account=True) as (_, _, store, _):
        store.spill("main").append([event(1), event(2)])
    async with make_runner(url, by_account=True) as (runner, _, store, _):
        await runner.process((event(3),))
        assert not store.spill("main").is_empty
        await store.take({"main"})
        await runner.process((event(4),))
        assert await recorded(store) >= {"key-1", "key-2", "key-4"}
        assert store.spill("main").is_empty
    postgres_server.drop_database(name)


async def test_live_document_shows_what_a_tick_has_measured(database_url: str) -> None:
    async with make_runner(database_url) as (runner, _, _, heard):
        await runner.process((event(1),))
        assert heard.shown == []
        await runner.process((event(2), Tick(), event(3)))
        assert len(heard.shown) == 1
        assert heard.shown[0] is runner.last_metrics


async def test_live_document_rests_while_nothing_visible_changes(database_url: str) -> None:
    async with make_runner(database_url) as (runner, _, _, heard):
        for second, events, documents in (
            (0, (Tick(),), 1),
            (1, (Tick(),), 1),
            (2, (CommandsRead(paused=True), Tick()), 2),
            (MAX_LIVE_AGE_S + 1, (Tick(),), 2),
            (MAX_LIVE_AGE_S + 2, (Tick(),), 3),
        ):
            heard.now = float(second)
            await runner.process(events)
            await runner.drain()
            assert len(heard.shown) == documents, second


async def test_live_documents_of_many_accounts_share_a_part_of_the_time(database_url: str) -> None:
    budgets = TimeBudgets()
    budget = budgets.documents
    for number in range(100):
        budget.note_cost(f"other{number}", 0.01)
    async with make_runner(database_url, budgets=budgets) as (runner, _, _, heard):
        # A hundred documents of ten milliseconds each, at a tenth of a core.
        for second, paused, documents in ((0, True, 1), (9, False, 1), (11, True, 2)):
            heard.now = float(second)
            await runner.process((CommandsRead(paused=paused), Tick()))
            await runner.drain()
            assert len(heard.shown) == documents, second
        for number in range(100):
            budget.drop(f"other{number}")
        heard.now = 12.0
        await runner.process((CommandsRead(), Tick()))
        assert len(heard.shown) == 3


async def test_entry_put_first_during_a_write_is_recorded_and_the_written_one_not_again(database_url: str) -> None:
    def put_first(state: AccountState, backlog: JournalBacklog) -> AccountState:
        backlog.put_first(JournalEntry("main", NOW, events=(event(2),)))
        return state

    async with make_runner(database_url) as (runner, _, store, heard):
        writing = asyncio.create_task(runner.process([event(1)]))
        # One turn of the loop: the first entry is with the writer, whose answer takes another one.
        await asyncio.sleep(0)
        runner.merge_store(put_first)
        await writing
        assert heard.committed_keys == ["key-1", "key-2"]
        assert await recorded(store) == {"key-1", "key-2"}
