"""Whose account a key opens is remembered, and what was done in it under other names is found."""

import dataclasses
from datetime import timedelta

import pytest

from monitor.core.model.intent import IntentState
from monitor.core.model.reads import OwnerRead
from monitor.errors import StoreError
from monitor.store.store import Store
from monitor.store.writes import account_owners
from tests.support.examples.store_rows import NOW, intent, planned_entry, step


async def test_a_key_is_known_again_whatever_the_account_is_called(store: Store) -> None:
    assert await store.execute(account_owners.identify_owner, "main", "key-1", None, NOW) is None
    assert await store.execute(account_owners.identify_owner, "main", "key-1", 7, NOW) == OwnerRead(7)
    assert await store.execute(account_owners.identify_owner, "mine", "key-1", None, NOW) == OwnerRead(7)
    await store.execute(account_owners.save_owner, "mine", "key-2", 2**40, NOW)
    assert await store.read(account_owners.read_known_owners) == {"key-1": 7, "key-2": 2**40}


async def test_usage_under_other_names_covers_open_and_last_day_intents(store: Store) -> None:
    mine, other, stranger = (
        dataclasses.replace(intent(number, account=name), uid=uid)
        for number, name, uid in ((1, "main", 7), (2, "old", 7), (3, "else", 8))
    )
    for one in (mine, other, stranger):
        await store.commit(planned_entry(one))
    found = await store.execute(account_owners.identify_owner, "main", "key-1", 7, NOW)
    assert found == OwnerRead(7, (other,))
    gone = dataclasses.replace(other, state=IntentState.EXPIRED, settled_at=NOW)
    assert await store.record_step(gone, step(2, IntentState.PLANNED, IntentState.EXPIRED))
    found = await store.execute(account_owners.identify_owner, "main", "key-1", None, NOW + timedelta(hours=25))
    assert found == OwnerRead(7)


async def test_the_account_that_an_intent_was_decided_for_never_changes(store: Store) -> None:
    await store.commit(planned_entry(dataclasses.replace(intent(1), uid=7)))
    with pytest.raises(StoreError, match="what an intent is stays as it was"):
        await store.execute(lambda connection: connection.exec_driver_sql("UPDATE intents SET uid = 8"))
