"""One daemon with a page for all tests of a module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.web.served_daemon import ServedDaemon, served_daemon


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedDaemon]:
    async with served_daemon(tmp_path_factory.mktemp("served") / "daemon") as found:
        yield found
