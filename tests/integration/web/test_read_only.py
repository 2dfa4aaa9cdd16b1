"""A page without a token: everything can be read, and nothing changed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from monitor.web.security.sessions import cookie_name
from tests.integration.web.http_client import send
from tests.integration.web.served_daemon import AUTHORIZED, TOKEN, WITHOUT_TOKEN, ServedDaemon, served_daemon
from tests.integration.web.test_access import CHANGING_PATHS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedDaemon]:
    async with served_daemon(tmp_path_factory.mktemp("served") / "daemon", WITHOUT_TOKEN) as found:
        yield found


@pytest.mark.parametrize(("method", "path"), CHANGING_PATHS)
async def test_every_command_is_forbidden(served: ServedDaemon, method: str, path: str) -> None:
    for headers in ({}, AUTHORIZED, {"Authorization": "Bearer "}, {"Cookie": f"{cookie_name(served.address[1])}=x"}):
        answer = await send(served.address, method, path, headers)
        assert (answer.status, answer.error) == (403, "read_only")
        assert "set token of [http]" in answer.text


async def test_login_is_forbidden(served: ServedDaemon) -> None:
    for token in (TOKEN, ""):
        answer = await served.post_form("/login", token=token)
        assert answer.status == 403
        assert "set-cookie" not in answer.headers


async def test_everything_can_be_read(served: ServedDaemon) -> None:
    for path in ("/", "/api/v1/status", "/api/v1/alerts", "/metrics", "/readyz"):
        assert (await served.get(path)).status == 200
