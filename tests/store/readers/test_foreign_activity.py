"""Others beside an order: known for as long as the record, whatever is configured and whoever asks."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry
from monitor.core.model.ledger import Movement
from monitor.core.model.order import Repay
from monitor.store.readers.foreign_activity import read_absences, read_others_act_beside
from monitor.store.store import Store
from tests.support.examples.actions import NOW, intent, seconds
from tests.support.examples.store_rows import planned_entry

LATER = NOW + timedelta(days=3)
WATCH = timedelta(minutes=20)
ASKED = intent(3, IntentState.UNRESOLVED, Repay(CROSS, "USDT", Decimal(500)), submitted_at=NOW, created_at=NOW)
MOVED = Movement(
    scope=CROSS,
    kind="capital-flow",
    key="9",
    at=NOW - seconds(60),
    seen_at=NOW,
    asset="USDT",
    amount=Decimal("12.5"),
    type="REPAY",
    origin="another hand",
    detail={"id": 9, "tranId": 77, "note": None},
)


async def test_movement_of_others_is_known_after_days(store: Store) -> None:
    assert not await store.read(read_others_act_beside, ASKED, WATCH)
    await store.commit(JournalEntry("main", NOW, movements=(MOVED,)))
    assert await store.read(read_others_act_beside, ASKED, WATCH)
    assert await store.read(read_others_act_beside, replace(ASKED, mode="manual", action="repay"), WATCH)
    assert not await store.read(read_others_act_beside, replace(ASKED, account="other"), WATCH)
    assert not await store.read(read_others_act_beside, replace(ASKED, submitted_at=LATER), WATCH)


async def test_movement_of_an_own_order_is_not_that_of_others(store: Store) -> None:
    await store.commit(JournalEntry("main", NOW, movements=(MOVED,)))
    planned = replace(ASKED, state=IntentState.PLANNED, submitted_at=None, created_at=NOW - seconds(61), alert=None)
    await store.commit(planned_entry(replace(planned, id=7, account="same-user", uid=5)))
    assert await store.read(read_others_act_beside, ASKED, WATCH)
    assert not await store.read(read_others_act_beside, replace(ASKED, uid=5), WATCH)
    await store.commit(planned_entry(replace(planned, id=8)))
    assert not await store.read(read_others_act_beside, ASKED, WATCH)


async def test_order_with_a_movement_of_its_own_explains_no_other(store: Store) -> None:
    sent = replace(ASKED, id=7, state=IntentState.PLANNED, submitted_at=None, alert=None)
    await store.commit(planned_entry(sent))
    equal = replace(MOVED, at=NOW + seconds(80), amount=Decimal(500))
    await store.commit(JournalEntry("main", NOW, movements=(equal,)))
    assert not await store.read(read_others_act_beside, ASKED, WATCH)
    own = replace(equal, key="10", at=NOW + seconds(20), origin="ours", intent=7)
    await store.commit(JournalEntry("main", NOW, movements=(own,)))
    assert await store.read(read_others_act_beside, ASKED, WATCH)


async def test_time_between_two_daemons_is_an_absence(store: Store) -> None:
    for began, seen in ((-120, 10), (40, 70), (300, 310)):
        await store.register_daemon(1, NOW + seconds(began), "1")
        await store.update_last_seen(NOW + seconds(seen))
    assert await store.read(read_absences, ASKED) == (
        (NOW + seconds(10), NOW + seconds(40)),
        (NOW + seconds(70), NOW + seconds(300)),
    )
    assert await store.read(read_absences, replace(ASKED, submitted_at=NOW + seconds(301))) == ()
