"""A session with a database that fails: one line for what the database answers, a trace for a bug."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.errors import StoreError
from monitor.runtime.id_allocator import IdAllocator
from monitor.runtime.store_session import StoreSession
from monitor.store.store import Store
from tests.support.database_lock import locked_database


def session_of(store: Store, on_loaded: Callable[[bool], Awaitable[None]]) -> StoreSession:
    return StoreSession(
        store,
        SystemClock(),
        "1",
        ("phone",),
        None,
        IdAllocator(SystemClock().now()),
        lambda commands: None,
        on_loaded,
        None,
        lambda: (),
        lambda account, since: None,
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/monitor.db")
    yield opened
    await opened.close()


async def test_locked_database_is_one_line_without_a_trace(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def loaded(is_first: bool) -> None:
        pass

    with locked_database(f"sqlite:///{tmp_path}/monitor.db"):
        assert not await session_of(store, loaded).load()
    [said] = [record for record in caplog.records if "store.not_taken_up" in record.getMessage()]
    assert (said.levelno, said.exc_info) == (logging.ERROR, None)
    assert "database is locked" in said.getMessage()


async def test_row_that_no_program_wrote_has_its_trace(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def loaded(is_first: bool) -> None:
        raise StoreError("reading failed") from ValueError("no number")

    assert not await session_of(store, loaded).load()
    [said] = [record for record in caplog.records if "store.not_taken_up" in record.getMessage()]
    assert said.exc_info is not None
    assert isinstance(said.exc_info[1], ValueError)
