"""A restart within the moment of grace for another hand's doing: the pause that is wanted for it comes all the same."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest

from monitor.core.actions.foreign_activity import EXPLANATION_GRACE
from monitor.core.engine.step import IdSource, Policy, StepResult, step
from monitor.core.model.events import HealthRead, Tick
from monitor.core.model.journal import JournalEntry
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.runtime.account.journal_backlog import JournalBacklog
from monitor.runtime.account.start_state import continue_from_memory, merge_stored_state, renumber_alerts, restore_state
from monitor.store import commands_in_force
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.core.actions.test_foreign_activity import repayment_movements
from tests.support.examples.actions import NOW, repay_spec, seconds

POLICY = Policy(AccountSettings("main"), actions=(repay_spec(),), safety=SafetySettings(on_foreign_hand="pause"))
BEFORE_ITS_END = seconds(3)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """What a daemon left that ended three seconds after it had read of another hand's repayment."""
    store = Store.open(database_url)
    await store.commit(JournalEntry("main", NOW, movements=repayment_movements(), known_until=NOW + BEFORE_ITS_END))
    yield store
    await store.close()


async def loaded_state(store: Store, now: datetime) -> AccountState:
    return restore_state(await store.load_state("main", now), POLICY, now, None, HealthRead())


def step_once(state: AccountState, now: datetime) -> StepResult:
    return step(state, Tick(), POLICY, now, IdSource(lambda: 1, lambda: 1))


async def test_foreign_activity_pauses_once_after_a_restart(store: Store) -> None:
    later = NOW + seconds(600)
    state = await loaded_state(store, later)
    # Whether another account of this user did it is not known in the first moment.
    assert step_once(state, later).entry.paused_by == ""
    done = step_once(state, later + EXPLANATION_GRACE)
    assert "500 USDT repaid" in done.entry.paused_by
    await store.commit(done.entry)
    assert await store.read(commands_in_force.is_paused)
    assert step_once(done.state, later + 2 * EXPLANATION_GRACE).entry.paused_by == ""
    await store.execute(commands.resume_actions, "me", later + 2 * EXPLANATION_GRACE)
    await store.commit(JournalEntry("main", later, known_until=later + 3 * EXPLANATION_GRACE))
    again = await loaded_state(store, later + seconds(600))
    assert len(again.foreign_activity.confirmed) == 1
    assert step_once(again, later + seconds(700)).entry.paused_by == ""


async def test_foreign_activity_pauses_when_the_database_was_missing_at_the_start(store: Store) -> None:
    later = NOW + seconds(600)
    blind = continue_from_memory(None, POLICY, later, None, HealthRead())
    assert blind.activity.watches_foreign_activity
    state = merge_stored_state(blind, JournalBacklog(), await store.load_state("main", later), POLICY, later)
    assert step_once(state, later + EXPLANATION_GRACE).entry.paused_by != ""


async def test_pause_is_retried_when_the_database_refused_it(store: Store) -> None:
    found_at = NOW + EXPLANATION_GRACE
    refused = step_once(replace(await loaded_state(store, NOW), started_at=NOW), found_at)
    assert refused.entry.paused_by != ""
    kept = continue_from_memory(
        renumber_alerts(refused.state, range(1, 2), lambda: 1), POLICY, found_at, None, HealthRead()
    )
    state = merge_stored_state(kept, JournalBacklog(), await store.load_state("main", found_at), POLICY, found_at)
    assert step_once(state, found_at + EXPLANATION_GRACE).entry.paused_by != ""
