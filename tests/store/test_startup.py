"""Ids of new alerts and intents, where several daemons give them out at the same time."""

import asyncio
from itertools import pairwise

from monitor.core.model.id_floor import ID_EPOCH, compute_id_floor
from monitor.core.model.journal import JournalEntry
from monitor.core.numbers.durations import DAY
from monitor.store.startup import IdBlock, reserve_ids
from monitor.store.store import Store
from tests.store.shared_stores import OpenShared
from tests.support.examples.store_rows import NOW, alert, intent, planned_entry


async def test_blocks_of_ids_never_overlap(open_shared: OpenShared) -> None:
    stores = [await open_shared() for _ in range(3)]
    late = ID_EPOCH + DAY
    blocks: list[IdBlock] = []
    for now in (NOW, late, NOW):
        for _ in range(3):
            blocks += await asyncio.gather(*(store.reserve_ids(now, 10) for store in stores))
    assert all(block.alerts_end - block.first.alert == 10 for block in blocks)
    assert all(block.first.unknown_alerts.start == block.first.alert for block in blocks)
    alerts = sorted((block.first.alert, block.alerts_end) for block in blocks)
    intents = sorted((block.first.intent, block.intents_end) for block in blocks)
    for spans in (alerts, intents):
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert alerts[9][0] >= compute_id_floor(late)


async def test_block_begins_above_all_known_ids(store: Store) -> None:
    await store.commit(JournalEntry("main", NOW, alerts=(alert(70),)))
    await store.commit(planned_entry(intent(90)))
    first, second = [await store.execute(reserve_ids, NOW, 5) for _ in range(2)]
    assert (first.first.alert, first.alerts_end, first.first.intent, first.intents_end) == (71, 76, 91, 96)
    assert (second.first.alert, second.first.intent) == (76, 96)


async def test_block_begins_with_what_its_daemon_has_not_given_yet(store: Store) -> None:
    first = await store.reserve_ids(NOW, 5, (500, 700))
    assert (first.first.alert, first.alerts_end, first.first.intent, first.intents_end) == (500, 505, 700, 705)
    second = await store.reserve_ids(NOW, 5, (2, 2))
    assert (second.first.alert, second.first.intent) == (505, 705)
