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
from monitor.store.writes.audit import verify
from tests.support.examples.store_rows import at, intent, planned

S = IntentState
WISHED = intent(7)
SENT = replace(WISHED, state=S.SUBMITTING, submitted_at=at(1))
TAKEN = replace(SENT, state=S.ACKNOWLEDGED, ref="77")
LOST = replace(SENT, state=S.UNCERTAIN, evidence="time-out")
DONE = replace(TAKEN, state=S.CONFIRMED, settled_at=at(3), evidence="record 77 and the balances")
SOLD = replace(
    DONE,
    kind="reduce",
    order=Reduce(CROSS, "USDT", Decimal(490), "BTCUSDT", "SELL", Decimal("0.01"), Decimal(49_000), "BTC"),
)


async def restate(store: Store, *known: Intent) -> tuple[int, ...]:
    return await store.restate(known, at(10), lambda lost: ())


async def stands(store: Store) -> Intent:
    (row,) = await store.read(read_intents, include_final=True)
    assert (await store.read(verify)).flaws == ()
    return row.intent


@pytest.mark.parametrize("known", [SENT, TAKEN, LOST, DONE, replace(LOST, state=S.UNRESOLVED), SOLD])
async def test_one_that_is_gone_is_there_again_and_once(store: Store, known: Intent) -> None:
    assert await restate(store, known) == (7,)
    assert await stands(store) == known
    assert await restate(store, known) == ()


async def test_one_whose_claim_is_gone_goes_on_from_there(store: Store) -> None:
    await store.commit(planned(WISHED))
    assert await restate(store, TAKEN) == (7,)
    assert await stands(store) == TAKEN
    assert not await store.claim(WISHED, at(11))


async def test_one_whose_end_is_gone_is_settled(store: Store) -> None:
    await restate(store, LOST)
    done = replace(DONE, ref="77")
    assert await restate(store, done) == (7,)
    assert await stands(store) == done


async def test_its_alert_may_be_gone_too(store: Store) -> None:
    assert await restate(store, replace(TAKEN, alert=4711)) == (7,)
    assert await stands(store) == TAKEN


@pytest.mark.parametrize("known", [WISHED, replace(WISHED, state=S.EXPIRED), replace(DONE, settled_at=at(-86400))])
async def test_what_never_left_or_counts_no_more_is_not_recorded(store: Store, known: Intent) -> None:
    assert await restate(store, known) == ()
    assert await store.read(read_intents, include_final=True) == ()


async def test_what_a_person_settled_stays(store: Store) -> None:
    await restate(store, replace(LOST, state=S.UNRESOLVED))
    failed = replace(LOST, state=S.FAILED, settled_at=at(20), evidence="not there")
    assert await store.record(failed, IntentStep(7, S.UNRESOLVED, S.FAILED, at(20), "a person"))
    assert await restate(store, DONE) == ()
    assert (await stands(store)).state is S.FAILED


async def test_a_number_that_is_another_ones_is_refused_as_a_whole(store: Store) -> None:
    await store.commit(planned(replace(WISHED, created_at=at(5))))
    with pytest.raises(StoreRefused, match="the number of intent 7 belongs to another one"):
        await restate(store, replace(DONE, id=6), TAKEN)
    assert (await stands(store)).state is S.PLANNED
