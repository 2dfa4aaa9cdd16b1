"""A store on each of the two databases."""

from collections.abc import AsyncIterator

import pytest

from monitor.store.store import Store


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = Store.open(database_url)
    yield opened
    await opened.close()
