"""An order whose steps a database has lost is recorded once more by who sent it, and nothing else is touched."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.order import Reduce
from monitor.errors import StoreRefused
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.store.writes.audit import verify_trail
from tests.support.examples.store_rows import at, intent, planned_entry

S = IntentState
PLANNED = intent(7)
SUBMITTING = replace(PLANNED, state=S.SUBMITTING, submitted_at=at(1))
ACKNOWLEDGED = replace(SUBMITTING, state=S.ACKNOWLEDGED, ref="77")
UNCERTAIN = replace(SUBMITTING, state=S.UNCERTAIN, evidence="time-out")
CONFIRMED = replace(ACKNOWLEDGED, state=S.CONFIRMED, settled_at=at(3), evidence="record 77 and the balances")
CONFIRMED_SALE = replace(
    CONFIRMED,
    kind="reduce",
    order=Reduce(CROSS, "USDT", Decimal(490), "BTCUSDT", "SELL", Decimal("0.01"), Decimal(49_000), "BTC"),
)


async def record_again(store: Store, *known: Intent) -> tuple[int, ...]:
    return await store.restore_lost_steps(known, at(10), lambda lost: ())


async def stored_intent(store: Store) -> Intent:
    (row,) = await store.read(read_intents, include_final=True)
    assert (await store.read(verify_trail)).problems == ()
    return row.intent


@pytest.mark.parametrize(
    "known", [SUBMITTING, ACKNOWLEDGED, UNCERTAIN, CONFIRMED, replace(UNCERTAIN, state=S.UNRESOLVED), CONFIRMED_SALE]
)
async def test_missing_intent_is_recorded_again_once(store: Store, known: Intent) -> None:
    assert await record_again(store, known) == (7,)
    assert await stored_intent(store) == known
    assert await record_again(store, known) == ()


async def test_intent_with_a_missing_claim_continues_from_there(store: Store) -> None:
    await store.commit(planned_entry(PLANNED))
    assert await record_again(store, ACKNOWLEDGED) == (7,)
    assert await stored_intent(store) == ACKNOWLEDGED
    assert not await store.claim(PLANNED, at(11))


async def test_intent_with_a_missing_end_is_settled(store: Store) -> None:
    await record_again(store, UNCERTAIN)
    done = replace(CONFIRMED, ref="77")
    assert await record_again(store, done) == (7,)
    assert await stored_intent(store) == done


async def test_intent_of_a_missing_alert_is_recorded(store: Store) -> None:
    assert await record_again(store, replace(ACKNOWLEDGED, alert=4711)) == (7,)
    assert await stored_intent(store) == ACKNOWLEDGED


@pytest.mark.parametrize(
    "known", [PLANNED, replace(PLANNED, state=S.EXPIRED), replace(CONFIRMED, settled_at=at(-86400))]
)
async def test_unsent_or_expired_intent_is_not_recorded_again(store: Store, known: Intent) -> None:
    assert await record_again(store, known) == ()
    assert await store.read(read_intents, include_final=True) == ()


async def test_resolution_by_a_person_stays(store: Store) -> None:
    await record_again(store, replace(UNCERTAIN, state=S.UNRESOLVED))
    failed = replace(UNCERTAIN, state=S.FAILED, settled_at=at(20), evidence="not there")
    assert await store.record_step(failed, IntentStep(7, S.UNRESOLVED, S.FAILED, at(20), "a person"))
    assert await record_again(store, CONFIRMED) == ()
    assert (await stored_intent(store)).state is S.FAILED


async def test_intent_id_of_another_intent_refuses_the_whole_entry(store: Store) -> None:
    await store.commit(planned_entry(replace(PLANNED, created_at=at(5))))
    with pytest.raises(StoreRefused, match="the number of intent 7 belongs to another one"):
        await record_again(store, replace(CONFIRMED, id=6), ACKNOWLEDGED)
    assert (await stored_intent(store)).state is S.PLANNED
