"""The API against its own description: generated requests get no 5xx and no answer that the description lacks."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import nullcontext, suppress
from difflib import unified_diff
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.web.served_daemon import AUTHORIZED, WITH_TOKEN, ServedDaemon, served_daemon
from tests.support.command import margin_monitor
from tests.support.daemon import eventually
from tests.support.money_actions import repay_config
from tests.support.timeouts import SOON_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LIVE = "/api/v1/live"
"""Never ends; test_live.py reads it."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedDaemon]:
    """A daemon with an alert that fires, and an order that waits for approval."""
    tables = repay_config(mode="approve") + WITH_TOKEN
    async with served_daemon(tmp_path_factory.mktemp("served") / "daemon", tables) as found:

        async def proposed() -> bool:
            return bool((await found.get("/api/v1/actions")).json()["items"])

        await eventually(proposed)
        yield found


async def test_generated_requests_get_described_answers(served: ServedDaemon) -> None:
    await _send_examples(served, 1)


@pytest.mark.slow
async def test_many_generated_requests_get_described_answers(served: ServedDaemon) -> None:
    await _send_examples(served, 80)


async def test_possible_requests_are_done_and_answered_as_described(served: ServedDaemon) -> None:
    alert = (await served.get("/api/v1/alerts")).json()["items"][0]
    action = (await served.get("/api/v1/actions")).json()["items"][0]
    silence = {"matchers": ["rule=acts"], "duration": "1h", "comment": "repair", "include_critical": False}
    requests: list[tuple[str, str, Mapping[str, Any]]] = [
        ("GET", "/api/v1/status", {}),
        ("GET", "/api/v1/alerts", {"query": {"all": "true", "limit": "5"}}),
        ("GET", "/api/v1/events", {"query": {"since": "1h"}}),
        ("GET", "/api/v1/actions", {"query": {"all": "true"}}),
        ("GET", "/api/v1/interest", {"query": {"by": "day", "since": "7d"}}),
        ("GET", "/api/v1/history", {"query": {"metric": "margin_level", "since": "1h"}}),
        ("GET", "/api/v1/stress", {"query": {"move": ["BTC=-20%", "ETH=+5%"]}}),
        ("GET", "/api/v1/rules", {}),
        ("GET", "/healthz", {}),
        ("POST", "/api/v1/alerts/{id}/ack", {"path_parameters": {"id": alert["id"]}, "body": {"comment": "on it"}}),
        ("POST", "/api/v1/silences", {"body": silence}),
        ("DELETE", "/api/v1/silences/{id}", {"path_parameters": {"id": 1}}),
        ("POST", "/api/v1/actions/pause", {}),
        ("POST", "/api/v1/actions/resume", {}),
        ("POST", "/api/v1/actions/{id}/reject", {"path_parameters": {"id": action["id"]}}),
        ("POST", "/api/v1/drill", {"body": {"rule": alert["rule"]}}),
    ]
    statuses = await asyncio.to_thread(_send_cases, await _description(served), _url(served), requests)
    assert statuses == [200] * len(requests)


async def test_the_description_is_served_as_it_is_built(served: ServedDaemon) -> None:
    described = (await served.get("/api/v1/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert (described["servers"], described["info"]["title"]) == ([{"url": "/"}], "margin-monitor")


async def test_each_answer_is_byte_for_byte_what_the_command_prints(served: ServedDaemon) -> None:
    for path, words in (
        ("status", ("status",)),
        ("alerts?all=true", ("alerts", "--all")),
        ("actions?all=true", ("actions", "--all")),
        ("history?metric=equity_usdt&since=1h", ("history", "equity_usdt", "--since", "1h")),
        ("stress?drop=20%25&move=ETH%3D-30%25", ("stress", "--drop", "20%", "ETH=-30%")),
    ):
        texts: list[str] = []

        async def is_same(path: str = path, words: tuple[str, ...] = words, texts: list[str] = texts) -> bool:
            before = await served.get(f"/api/v1/{path}")
            printed = await asyncio.to_thread(margin_monitor, served.config, *words, "--json")
            after = await served.get(f"/api/v1/{path}")
            # Prices move: what is read while something changes is read again.
            # The command reads the last document that was stored, up to a second later.
            texts[:] = [_without_times(text) for text in (before.text, printed.out, after.text)]
            return texts[0] == texts[1] == texts[2]

        def difference(texts: list[str] = texts) -> str:
            return "\n".join(unified_diff(texts[0].splitlines(), texts[1].splitlines()))

        await eventually(is_same, story=difference)


def _without_times(text: str) -> str:
    """The text without moments, ages and the weight of reads, which differ from one read to the next."""
    changing = r'"[0-9-]{10}T[0-9:.]{12}Z"|(?<=_s": )[0-9.]+|(?<=_by_interest": )[0-9.]+|(?<="weight_used": )"[0-9.]+"'
    return re.sub(changing, "T", text)


async def _description(served: ServedDaemon) -> dict[str, Any]:
    described: dict[str, Any] = (await served.get("/api/v1/openapi.json")).json()
    return described


def _url(served: ServedDaemon) -> str:
    host, port = served.address
    return f"http://{host}:{port}"


async def _send_examples(served: ServedDaemon, count: int) -> None:
    described, url = await _description(served), _url(served)
    await asyncio.to_thread(_try_operations, described, url, count)


def _operations(described: dict[str, Any]) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path != LIVE:
            yield operation


def _try_operations(described: dict[str, Any], url: str, count: int) -> None:
    """Send so many generated requests to each operation, valid and invalid ones; and one without the token."""
    for operation in _operations(described):
        for mode in GenerationMode:

            @settings(
                max_examples=count,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Case[Any]) -> None:
                _validate(case, url, AUTHORIZED)

            # Nothing is invalid where any text may be given, or nothing at all.
            with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
                send()
        if operation.method != "get":
            path_parameters = {"id": 1} if "{id}" in operation.path else {}
            assert _validate(operation.Case(path_parameters=path_parameters), url, {}) == 401


def _send_cases(described: dict[str, Any], url: str, requests: list[tuple[str, str, Mapping[str, Any]]]) -> list[int]:
    schema = schemathesis.openapi.from_dict(described)
    statuses = []
    for method, path, parts in requests:
        media_type = "application/json" if "body" in parts else None
        statuses.append(_validate(schema[path][method].Case(**parts, media_type=media_type), url, AUTHORIZED))
    return statuses


def _validate(case: Case[Any], url: str, headers: Mapping[str, str]) -> int:
    response = case.call(base_url=url, headers=dict(headers), timeout=SOON_S, allow_redirects=False)
    case.validate_response(response, checks=CHECKS)
    if response.headers.get("Content-Type", [""])[0].startswith("application/json"):
        assert isinstance(json.loads(response.content), dict)
    return response.status_code
