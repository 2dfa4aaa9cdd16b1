"""Commands over HTTP: carried out, answered with their document, and recorded with their author."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from monitor.store.writes import audit
from tests.integration.web.http_client import Answer, send
from tests.integration.web.served_daemon import AUTHORIZED, JSON, WITH_TOKEN, ServedDaemon, served_daemon
from tests.support.daemon import eventually, read_store
from tests.support.money_actions import repay_config

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUTHOR = "web 127.0.0.1"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedDaemon]:
    """A daemon with an alert that fires, and an order that waits for approval."""
    tables = repay_config(mode="approve") + WITH_TOKEN
    async with served_daemon(tmp_path_factory.mktemp("served") / "daemon", tables) as found:

        async def proposed() -> bool:
            return bool((await found.get("/api/v1/actions")).json()["items"])

        await eventually(proposed)
        yield found


async def command(served: ServedDaemon, path: str, body: str = "", method: str = "POST") -> Answer:
    return await send(served.address, method, f"/api/v1/{path}", {**AUTHORIZED, **JSON}, body)


async def first_id(served: ServedDaemon, name: str) -> int:
    return int((await served.get(f"/api/v1/{name}")).json()["items"][0]["id"])


async def test_acknowledgement_holds_with_author_and_comment(served: ServedDaemon) -> None:
    alert = await first_id(served, "alerts")
    answer = await command(served, f"alerts/{alert}/ack", '{"comment": "<b>selling</b>  by hand"}')
    assert answer.status == 200, answer.text
    acked = answer.json()["acked"]
    assert (answer.json()["id"], acked["by"], acked["comment"]) == (alert, AUTHOR, "<b>selling</b> by hand")
    listed = (await served.get("/api/v1/alerts")).json()["items"]
    assert next(item for item in listed if item["id"] == alert)["acked"]["by"] == AUTHOR


async def test_acknowledgement_of_nothing_is_not_found(served: ServedDaemon) -> None:
    answer = await command(served, "alerts/999999/ack", '{"comment": "x"}')
    assert (answer.status, answer.error) == (404, "refused")


@pytest.mark.parametrize(
    "matchers", ['["rule=acts", "severity!=critical"]', '[{"name": "rule", "op": "=", "value": "acts"}]']
)
async def test_silence_is_added_and_expired(served: ServedDaemon, matchers: str) -> None:
    body = f'{{"matchers": {matchers}, "duration": "2h", "comment": "repair", "include_critical": true}}'
    answer = await command(served, "silences", body)
    assert answer.status == 200, answer.text
    silence = answer.json()
    assert (silence["state"], silence["author"], silence["include_critical"]) == ("active", AUTHOR, True)
    assert silence["matchers"][0] == {"name": "rule", "op": "=", "value": "acts"}
    ended = await command(served, f"silences/{silence['id']}", method="DELETE")
    assert (ended.status, ended.json()["state"]) == (200, "expired")
    again = await command(served, f"silences/{silence['id']}", method="DELETE")
    assert (again.status, again.error) == (409, "refused")
    assert "is over already" in again.text


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ('{"matchers": ["rule=nothing"], "duration": "2h", "comment": "x"}', ""),
        ('{"matchers": ["rule"], "duration": "2h", "comment": "x"}', ""),
        ('{"matchers": [], "duration": "2h", "comment": "x"}', "matchers"),
        ('{"matchers": [5], "duration": "2h", "comment": "x"}', "matchers[0]"),
        ('{"matchers": ["rule=acts"], "duration": "2", "comment": "x"}', "duration"),
        ('{"matchers": ["rule=acts"], "duration": "0", "comment": "x"}', "duration"),
        ('{"matchers": ["rule=acts"], "duration": "2h"}', "comment"),
        (
            '{"matchers": ["rule=acts"], "duration": "2h", "comment": "x", "include_critical": "yes"}',
            "include_critical",
        ),
    ],
    ids=range(8),
)
async def test_silence_that_means_nothing_is_refused(served: ServedDaemon, body: str, where: str) -> None:
    answer = await command(served, "silences", body)
    assert (answer.status, answer.error, answer.json()["error"].get("where", "")) == (400, "usage", where)


async def test_drill_is_requested_and_carried_out_by_the_daemon(served: ServedDaemon) -> None:
    answer = await command(served, "drill", '{"rule": "acts"}')
    assert (answer.status, answer.json()["rule"], answer.json()["by"]) == (200, "acts", AUTHOR)
    wrong = await command(served, "drill", '{"rule": "atcs"}')
    assert (wrong.status, wrong.json()["error"]["mend"]) == (400, 'did you mean "acts"?')


async def test_rejection_is_final_and_in_the_audit_trail(served: ServedDaemon) -> None:
    intent = await first_id(served, "actions")
    answer = await command(served, f"actions/{intent}/reject")
    assert (answer.status, answer.json()["id"]) == (200, intent)

    async def rejected() -> bool:
        items = (await served.get("/api/v1/actions?all=true")).json()["items"]
        return any(item["id"] == intent and item["state"] == "REJECTED" for item in items)

    await eventually(rejected)
    late = await command(served, f"actions/{intent}/approve")
    assert (late.status, late.error) == (409, "refused")
    assert "only a PROPOSED one can be approved" in late.text
    with read_store(f"sqlite:///{served.config.parent}/monitor.db") as store:
        assert store.read(audit.verify_trail, None).problems == ()
