"""A page with a public address, behind a proxy on this machine."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest
import pytest_asyncio

from monitor.web.security.token_check import MAX_WRONG_TOKENS
from tests.integration.web.http_client import send
from tests.integration.web.served_daemon import AUTHORIZED, FORM, JSON, TOKEN, WITH_TOKEN, ServedDaemon, served_daemon
from tests.support.sinks import HttpSink, http_sink
from tests.support.timeouts import SOON_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLIC = {"Host": "mon.example", "X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
PAUSE, RESUME = "/api/v1/actions/pause", "/api/v1/actions/resume"


@pytest.fixture(scope="module")
def phone() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, phone: HttpSink) -> AsyncIterator[ServedDaemon]:
    table = f'{WITH_TOKEN}public_url = "https://mon.example/"\n'
    folder = tmp_path_factory.mktemp("served") / "daemon"
    async with served_daemon(folder, table, channels={"phone": phone.url}) as found:
        yield found


@pytest.mark.parametrize("host", ["mon.example", "MON.example:443", "127.0.0.1:{port}"])
async def test_public_and_listen_address_are_both_answered(served: ServedDaemon, host: str) -> None:
    answer = await served.get("/api/v1/status", {"Host": host.format(port=served.address[1])})
    assert answer.status == 200


@pytest.mark.parametrize("host", ["mon.example:8443", "mon.example:80", "www.mon.example", "attacker.example"])
async def test_other_addresses_are_misdirected(served: ServedDaemon, host: str) -> None:
    assert (await served.get("/api/v1/status", {"Host": host})).status == 421


async def test_cookie_of_a_page_behind_https_is_secure(served: ServedDaemon) -> None:
    for origin in ({}, {"Origin": "https://mon.example"}):
        answer = await served.post_form("/login", {**PUBLIC, **origin}, token=TOKEN)
        assert answer.status == 303
        assert "secure" in {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}


async def test_forms_of_the_public_address_are_accepted_and_of_no_other(served: ServedDaemon) -> None:
    login = await served.log_in()
    for origin, status in (
        ("https://mon.example", 303),
        ("http://mon.example", 403),
        ("https://mon.example:8443", 403),
        ("https://mon.example.attacker.example", 403),
    ):
        headers = {**PUBLIC, **login.cookie, "Origin": origin}
        assert (await served.post_form(RESUME, headers, form_token=login.form_token)).status == status


async def test_wrong_tokens_count_by_the_address_that_the_proxy_names(served: ServedDaemon) -> None:
    wrong = {**PUBLIC, "Authorization": "Bearer guess", "X-Forwarded-For": "203.0.113.99"}
    statuses = [(await served.post(PAUSE, wrong)).status for _ in range(MAX_WRONG_TOKENS + 1)]
    assert statuses == [401] * MAX_WRONG_TOKENS + [429]
    forged = {**wrong, "X-Forwarded-For": "203.0.113.1, 203.0.113.99"}
    assert (await served.post(PAUSE, forged)).status == 429
    assert (await served.post(RESUME, {**PUBLIC, **AUTHORIZED})).status == 200


async def test_author_is_the_address_that_the_proxy_names(served: ServedDaemon) -> None:
    body = '{"matchers": ["rule=thin"], "duration": "1h", "comment": "x"}'
    for forwarded, author in (("203.0.113.7", "web 203.0.113.7"), ("<script>", "web 127.0.0.1")):
        headers = {**AUTHORIZED, **JSON, "Host": "mon.example", "X-Forwarded-For": forwarded}
        answer = await send(served.address, "POST", "/api/v1/silences", headers, body)
        assert (answer.status, answer.json()["author"]) == (200, author)
        await send(served.address, "DELETE", f"/api/v1/silences/{answer.json()['id']}", {**AUTHORIZED, **FORM})


async def test_message_ends_with_the_address_of_its_alert(served: ServedDaemon, phone: HttpSink) -> None:
    served.box.sandbox.user_actions.set_price("BTCUSDT", Decimal(40_000))

    def first() -> dict[str, object]:
        return dict(phone.wait_for(lambda got: any("id" in one.json() for one in got), SOON_S)[0].json())

    sent = await asyncio.to_thread(first)
    page = f"https://mon.example/alerts/{sent['id']}"
    assert sent["url"] == page
    assert page in str(sent["text"]).splitlines()
