"""Documents of the web at the end of the program: what hangs holds up nothing, and nothing is opened anew."""

import asyncio
import contextlib
import threading
from pathlib import Path

import psycopg
import pytest

from monitor.app.web.documents import SharedDocuments
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.errors import StoreError
from monitor.store.db.connections import parse_url
from monitor.store.store import Store
from tests.support.daemon import eventually

CONFIG = """
[storage]
url = "{url}"

[[accounts]]
name = "main"
api_key = "key"
api_secret = "secret"
"""


def reader_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("web-reader")]


def documents_of(folder: Path, url: str, store: Store) -> SharedDocuments:
    file = folder / "config.toml"
    file.touch(mode=0o600)
    file.write_text(CONFIG.format(url=url))
    config = load_config(file, {})
    return SharedDocuments(lambda: config, store, lambda: None, SystemClock())


async def test_closed_documents_open_no_reader_again(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url)
    documents = documents_of(tmp_path, database_url, store)
    assert (await documents.read("alerts", {})).text
    assert reader_threads()
    await documents.close()
    with pytest.raises(StoreError, match="the program ends"):
        await documents.read("alerts", {})
    assert not reader_threads()
    await store.close()


async def test_nothing_is_built_any_more_at_the_end(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url)
    documents = documents_of(tmp_path, database_url, store)
    async with documents._measuring:
        # Another measurement has its turn: this one waits for as long as that takes.
        reading = asyncio.create_task(documents.read("stress", {"history": "7d"}))
        await eventually(_is_building)
        # A person's command makes everything be built anew, and what is being built goes on.
        documents.forget()
        await documents.close()
        assert not await _is_building()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    await store.close()


async def _is_building() -> bool:
    return any(task.get_name() == "web stress" for task in asyncio.all_tasks())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_read_that_hangs_does_not_hold_up_the_loop_at_the_end(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url)
    documents = documents_of(tmp_path, database_url, store)
    plain = parse_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as other:
        other.execute("LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(documents.read("alerts", {}))

        async def waits() -> bool:
            return other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (0,)

        await eventually(waits)
        closing = asyncio.create_task(documents.close())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not closing.done()
        other.rollback()
        await closing
    with contextlib.suppress(StoreError):
        await reading
    await store.close()
