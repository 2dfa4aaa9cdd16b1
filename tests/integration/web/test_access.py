"""Who may change something over HTTP: tokens, sessions, forms, hosts and origins, sent by hand."""

import asyncio
import itertools

import pytest

from monitor.web.security.token_check import MAX_WRONG_TOKENS
from tests.integration.web.http_client import send, send_raw
from tests.integration.web.served_daemon import AUTHORIZED, FORM, TOKEN, ServedDaemon
from tests.support.daemon import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAUSE = "/api/v1/actions/pause"
CHANGING_PATHS = (
    ("POST", "/api/v1/alerts/1/ack"),
    ("POST", "/api/v1/silences"),
    ("DELETE", "/api/v1/silences/1"),
    ("POST", PAUSE),
    ("POST", "/api/v1/actions/resume"),
    ("POST", "/api/v1/actions/1/approve"),
    ("POST", "/api/v1/actions/1/reject"),
    ("POST", "/api/v1/drill"),
)

_sources = (f"127.0.{n // 250}.{n % 250 + 2}" for n in itertools.count())


def another_address() -> str:
    """An address of this machine from which no wrong token came yet."""
    return next(_sources)


async def is_paused(served: ServedDaemon) -> bool:
    return bool((await served.get("/api/v1/status")).json()["daemon"]["paused"])


@pytest.mark.parametrize(("method", "path"), CHANGING_PATHS)
async def test_nothing_changes_without_token(served: ServedDaemon, method: str, path: str) -> None:
    answer = await send(served.address, method, path)
    assert (answer.status, answer.error) == (401, "not_logged_in")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer", "Basic dTpw", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer "]
)
async def test_wrong_token_is_refused(served: ServedDaemon, header: str) -> None:
    answer = await send(served.address, "POST", PAUSE, {"Authorization": header}, source=another_address())
    assert (answer.status, answer.error) == (401, "wrong_token")
    assert TOKEN not in answer.text
    assert not await is_paused(served)


async def test_right_token_pauses_and_resumes(served: ServedDaemon) -> None:
    paused = await served.post(PAUSE, AUTHORIZED)
    assert (paused.status, paused.json()) == (200, {"paused": True, "changed": True})
    assert await is_paused(served)
    resumed = await served.post("/api/v1/actions/resume", AUTHORIZED)
    assert resumed.json() == {"paused": False, "changed": True, "lifted": []}
    assert not await is_paused(served)


async def test_sixth_wrong_token_of_an_address_waits_a_minute_and_others_do_not(served: ServedDaemon) -> None:
    source, wrong = another_address(), {"Authorization": "Bearer guess"}
    answers = [await send(served.address, "POST", PAUSE, wrong, source=source) for _ in range(MAX_WRONG_TOKENS + 1)]
    assert [answer.status for answer in answers] == [401] * MAX_WRONG_TOKENS + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    right = await send(served.address, "POST", PAUSE, AUTHORIZED, source=source)
    assert (right.status, right.error) == (429, "too_many_attempts")
    login = await served.post_form("/login", source=source, token=TOKEN)
    assert login.status == 429
    assert (await send(served.address, "GET", "/api/v1/status", source=source)).status == 200
    assert not await is_paused(served)


async def test_address_that_a_request_claims_is_not_believed(served: ServedDaemon) -> None:
    source, statuses = another_address(), []
    for number in range(MAX_WRONG_TOKENS + 1):
        claimed = {"Authorization": "Bearer guess", "X-Forwarded-For": f"203.0.113.{number}"}
        statuses.append((await send(served.address, "POST", PAUSE, claimed, source=source)).status)
    assert statuses == [401] * MAX_WRONG_TOKENS + [429]


async def test_login_gives_a_cookie_that_scripts_and_other_sites_do_not_get(served: ServedDaemon) -> None:
    answer = await served.post_form("/login", token=TOKEN, next="/alerts/17")
    assert (answer.status, answer.headers["location"]) == (303, "/alerts/17")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= attributes
    assert "secure" not in attributes, "the page is served over plain http here"
    assert TOKEN not in answer.headers["set-cookie"]
    name = answer.headers["set-cookie"].partition("=")[0]
    assert name.endswith(f"_{served.address[1]}"), "pages at two ports of a host do not end each other's sessions"


async def test_wrong_token_in_the_login_form_gives_no_session(served: ServedDaemon) -> None:
    answer = await served.post_form("/login", source=another_address(), token="wrong")
    assert answer.status == 401
    assert "The token is wrong: use the token of [http] in the configuration." in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "next_page", ["//attacker.example", "https://attacker.example", "/\\attacker.example", "/x\r\nSet-Cookie: a=b", "x"]
)
async def test_login_leads_nowhere_else(served: ServedDaemon, next_page: str) -> None:
    answer = await served.post_form("/login", token=TOKEN, next=next_page)
    assert (answer.status, answer.headers["location"]) == (303, "/")


async def test_session_changes_something_with_its_form_token_alone(served: ServedDaemon) -> None:
    login = await served.log_in()
    without = await served.post_form(PAUSE, login.cookie)
    assert without.status == 403
    other = await served.log_in()
    foreign = await served.post_form(PAUSE, login.cookie, form_token=other.form_token)
    assert foreign.status == 403
    assert "belongs to another login" in foreign.text
    assert not await is_paused(served)
    answer = await served.post_form(PAUSE, login.cookie, form_token=login.form_token, next="/account/main")
    assert (answer.status, answer.headers["location"]) == (303, "/account/main")
    assert await is_paused(served)
    header = {**login.cookie, "X-Form-Token": login.form_token}
    assert (await served.post("/api/v1/actions/resume", header)).status == 200
    assert not await is_paused(served)


async def test_form_that_is_replayed_after_the_logout_is_refused(served: ServedDaemon) -> None:
    login = await served.log_in()
    assert (await served.post_form("/logout", login.cookie, form_token="wrong")).status == 403
    answer = await served.post_form("/logout", login.cookie, form_token=login.form_token)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    replayed = await served.post_form(PAUSE, login.cookie, form_token=login.form_token)
    assert replayed.status == 401
    assert not await is_paused(served)


@pytest.mark.parametrize(
    "sent_by",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
async def test_form_of_another_origin_is_refused(served: ServedDaemon, sent_by: dict[str, str]) -> None:
    login = await served.log_in()
    answer = await served.post_form(PAUSE, {**login.cookie, **sent_by}, form_token=login.form_token)
    assert answer.status == 403
    assert "another origin" in answer.text
    assert (await served.post_form("/login", sent_by, token=TOKEN)).status == 403
    assert not await is_paused(served)


async def test_form_of_the_page_itself_is_accepted(served: ServedDaemon) -> None:
    login, (host, port) = await served.log_in(), served.address
    own = {**login.cookie, "Origin": f"http://{host}:{port}", "Sec-Fetch-Site": "same-origin"}
    assert (await served.post_form("/api/v1/actions/resume", own, form_token=login.form_token)).status == 303


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:{port}", "127.0.0.1", "127.0.0.1:1", ""])
@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/metrics", "/healthz", "/nothing"])
async def test_other_host_is_misdirected(served: ServedDaemon, host: str, path: str) -> None:
    answer = await send(served.address, "GET", path, {"Host": host.format(port=served.address[1])})
    assert (answer.status, answer.error) == (421, "wrong_host")


async def test_command_for_another_host_is_misdirected_despite_the_token(served: ServedDaemon) -> None:
    answer = await served.post(PAUSE, {**AUTHORIZED, "Host": "attacker.example"})
    assert answer.status == 421
    assert not await is_paused(served)


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET http://attacker.example/api/v1/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        "GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\nHost: attacker.example\r\nConnection: close\r\n\r\n",
    ],
    ids=["without host", "with an absolute address", "with two hosts"],
)
async def test_request_without_one_host_gets_nothing(served: ServedDaemon, request_text: str) -> None:
    raw = await send_raw(served.address, request_text.format(host="{}:{}".format(*served.address)).encode())
    assert raw.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"accounts" not in raw


@pytest.mark.parametrize("path", [path for _, path in CHANGING_PATHS])
async def test_get_changes_nothing(served: ServedDaemon, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "OPTIONS"):
        answer = await send(served.address, method, path, AUTHORIZED)
        assert answer.status == 405
        assert set(answer.headers["allow"].split(",")) <= {"POST", "DELETE"}
    assert not await is_paused(served)


async def test_form_fields_do_not_replace_the_body_of_an_authorized_program(served: ServedDaemon) -> None:
    answer = await served.post(f"{PAUSE}?token={TOKEN}", FORM, f"token={TOKEN}&authorization=Bearer+{TOKEN}")
    assert answer.status == 401


async def test_reload_with_a_token_that_could_be_guessed_is_refused(
    served: ServedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    text = served.config.read_text()
    served.config.write_text(text.replace(TOKEN, "guess-me"))
    try:
        served.supervisor.reload()
        await eventually(lambda: asyncio.sleep(0, "config.reload_failed" in caplog.text))
    finally:
        served.config.write_text(text)
    assert "http.token: is shorter than 16 characters: it could be guessed" in caplog.text
    assert "guess-me" not in caplog.text
    assert (await served.post(PAUSE, {"Authorization": "Bearer guess-me"}, "")).status == 401
    assert (await served.post("/api/v1/actions/resume", AUTHORIZED)).status == 200
