"""A restart within the moment of grace for another hand's doing: the pause that is wanted for it comes all the same."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest

from monitor.core.actions.foreign_activity import GRACE
from monitor.core.engine.step import Ids, Policy, Step, step
from monitor.core.model.events import HealthRead, Tick
from monitor.core.model.journal import Entry
from monitor.core.model.safety import Safety
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.runtime.account.backlog import Backlog
from monitor.runtime.account.start_state import adopted, carried_on, numbered_anew, remembered
from monitor.store.store import Store
from monitor.store.writes import commands
from tests.core.actions.test_foreign_activity import repaid
from tests.support.examples.actions import NOW, repay_spec, seconds

POLICY = Policy(Settings("main"), actions=(repay_spec(),), safety=Safety(on_foreign_hand="pause"))
BEFORE_ITS_END = seconds(3)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """What a daemon left that ended three seconds after it had read of another hand's repayment."""
    store = Store.open(database_url)
    await store.commit(Entry("main", NOW, movements=repaid(), known_until=NOW + BEFORE_ITS_END))
    yield store
    await store.close()


async def begun(store: Store, now: datetime) -> AccountState:
    return remembered(await store.load("main", now), POLICY, now, None, HealthRead())


def after(state: AccountState, now: datetime) -> Step:
    return step(state, Tick(), POLICY, now, Ids(lambda: 1, lambda: 1))


async def test_the_pause_comes_after_the_restart_and_once(store: Store) -> None:
    later = NOW + seconds(600)
    state = await begun(store, later)
    # Whether another account of this user did it is not known in the first moment.
    assert after(state, later).entry.paused_by == ""
    done = after(state, later + GRACE)
    assert "500 USDT repaid" in done.entry.paused_by
    await store.commit(done.entry)
    assert await store.read(commands.is_paused)
    assert after(done.state, later + 2 * GRACE).entry.paused_by == ""
    await store.order(commands.resume, "me", later + 2 * GRACE)
    await store.commit(Entry("main", later, known_until=later + 3 * GRACE))
    again = await begun(store, later + seconds(600))
    assert len(again.hands.found) == 1
    assert after(again, later + seconds(700)).entry.paused_by == ""


async def test_it_comes_where_the_database_was_away_at_the_start(store: Store) -> None:
    later = NOW + seconds(600)
    blind = carried_on(None, POLICY, later, None, HealthRead())
    assert blind.followed.watches_hands
    state = adopted(blind, Backlog(), await store.load("main", later), POLICY, later)
    assert after(state, later + GRACE).entry.paused_by != ""


async def test_it_comes_again_where_the_database_refused_it(store: Store) -> None:
    found_at = NOW + GRACE
    refused = after(replace(await begun(store, NOW), started_at=NOW), found_at)
    assert refused.entry.paused_by != ""
    kept = carried_on(numbered_anew(refused.state, 1, lambda: 1), POLICY, found_at, None, HealthRead())
    state = adopted(kept, Backlog(), await store.load("main", found_at), POLICY, found_at)
    assert after(state, found_at + GRACE).entry.paused_by != ""
