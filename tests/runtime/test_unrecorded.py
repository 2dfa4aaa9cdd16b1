"""Telling while nothing can be written: from memory, and marked as not recorded."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from monitor.core.journal import Entry, Notice
from monitor.store.store import Store
from tests.runtime.test_notifier import firing, notifier
from tests.support.sinks import http_sink


async def test_notices_that_could_not_be_recorded_are_told(tmp_path: Path, database_url: str) -> None:
    now = datetime.now(UTC)
    store = await asyncio.to_thread(Store.open, database_url)
    with http_sink() as sink:
        telling = notifier(store, sink)
        running = asyncio.create_task(telling.run())
        alarm = firing(now)
        telling.hand_unrecorded(alarm, alarm.alerts)
        telling.hand_unrecorded(Entry("main", now, notices=(Notice("critical", "repaid 5", ("phone",), now),)), ())
        received = await asyncio.to_thread(sink.wait_for_count, 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await store.close()
    titles = {one.json()["title"] for one in received}
    assert titles == {"[FIRING] critical main cross: margin level 1.46 (#1)", "[NOTICE] critical repaid 5"}
    assert all("Not recorded" in one.json()["text"] for one in received)
