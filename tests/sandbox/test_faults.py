"""What the fault script does to requests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from monitor.sandbox.faults import Fault, FaultError, FaultScript, parse_faults, read_faults
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import RequestLimits
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient, wait_until

D = Decimal
LOAN = "/sapi/v1/margin/borrow-repay"
REPAY: dict[str, object] = {"asset": "USDT", "isIsolated": "FALSE", "amount": "100", "type": "REPAY"}
SCENARIO = replace(calm_scenario(), limits=RequestLimits(loan_delay_s=0))


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with sandbox(SCENARIO, frozen=True) as one:
        yield one


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[SignedClient]:
    async with SignedClient(running.sandbox, running.ready) as one:
        yield one


def _borrowed(running: RunningSandbox) -> Decimal:
    return running.sandbox.venue.accounts["main"].cross.wallet.get("USDT").borrowed


async def _expect_cut_connection(client: SignedClient) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(LOAN, **REPAY)


async def test_cut_before_does_nothing_and_cut_after_executes(running: RunningSandbox, client: SignedClient) -> None:
    running.sandbox.add_fault(Fault("cut_before", method="POST", path=LOAN))
    await _expect_cut_connection(client)
    assert _borrowed(running) == D(30_000)
    running.sandbox.add_fault(Fault("cut_after", method="POST", path=LOAN))
    await _expect_cut_connection(client)
    assert _borrowed(running) == D(29_900)
    assert [(request.fault, request.applied, request.status) for request in running.sandbox.requests] == [
        ("cut_before", False, 0),
        ("cut_after", True, 0),
    ]
    assert (await client.post(LOAN, **REPAY)).status == 200


async def test_a_late_application_moves_the_money_later(running: RunningSandbox, client: SignedClient) -> None:
    running.sandbox.add_fault(Fault("apply_late", method="POST", path=LOAN, seconds=30))
    await _expect_cut_connection(client)
    running.sandbox.user_actions.advance(29)
    assert _borrowed(running) == D(30_000)
    running.sandbox.user_actions.advance(1)
    await wait_until(lambda: running.sandbox.requests[0].applied)
    assert _borrowed(running) == D(29_900)


async def test_an_unknown_outcome_may_have_been_applied(running: RunningSandbox, client: SignedClient) -> None:
    fault = Fault("status", path=LOAN, status=503, code=-1007, message="Timeout.", applies=True)
    running.sandbox.add_fault(fault)
    answer = await client.post(LOAN, **REPAY)
    assert (answer.status, answer.body) == (503, {"code": -1007, "msg": "Timeout."})
    assert _borrowed(running) == D(29_900)


@pytest.mark.parametrize(("status", "code"), [(400, -3007), (400, -3044), (500, -1007), (200, -1000)])
@pytest.mark.parametrize("applies", [True, False])
async def test_any_error_code_with_or_without_execution(
    running: RunningSandbox, client: SignedClient, status: int, code: int, applies: bool
) -> None:
    running.sandbox.add_fault(Fault("status", path=LOAN, status=status, code=code, message="?", applies=applies))
    answer = await client.post(LOAN, **REPAY)
    assert (answer.status, answer.body) == (status, {"code": code, "msg": "?"})
    assert _borrowed(running) == (D(29_900) if applies else D(30_000))


async def test_any_status_and_body(running: RunningSandbox, client: SignedClient) -> None:
    running.sandbox.add_fault(Fault("status", path=LOAN, status=403, body="<html>blocked</html>"))
    answer = await client.post(LOAN, **REPAY)
    assert (answer.status, answer.body, answer.headers["Content-Type"][:9]) == (
        403,
        "<html>blocked</html>",
        "text/html",
    )
    running.sandbox.add_fault(Fault("status", path=LOAN, status=400, code=-3007, message="pending"))
    assert (await client.post(LOAN, **REPAY)).body["code"] == -3007
    assert _borrowed(running) == D(30_000)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault("key_revoked"), 401, -2015),
        (Fault("ip_refused"), 401, -2015),
        (Fault("maintenance"), 503, -1016),
        (Fault("limit", seconds=17), 429, -1003),
        (Fault("ban", seconds=120), 418, -1003),
        (Fault("clock_skew", seconds=90), 400, -1021),
        (Fault("clock_skew", seconds=-90), 400, -1021),
    ],
)
async def test_refusals_of_the_venue(
    running: RunningSandbox, client: SignedClient, fault: Fault, status: int, code: int
) -> None:
    running.sandbox.add_fault(fault)
    answer = await client.get("/sapi/v1/margin/account")
    assert (answer.status, answer.body["code"]) == (status, code)
    if fault.what in ("limit", "ban"):
        assert answer.headers["Retry-After"] == str(int(fault.seconds))


async def test_a_ban_lasts(running: RunningSandbox, client: SignedClient) -> None:
    running.sandbox.add_fault(Fault("ban", seconds=120))
    await client.get("/sapi/v1/margin/account")
    running.sandbox.user_actions.advance(119)
    assert (await client.get("/sapi/v1/margin/account")).status == 418
    running.sandbox.user_actions.advance(1)
    assert (await client.get("/sapi/v1/margin/account")).status == 200


@pytest.mark.parametrize(
    ("form", "shows"),
    [
        ("truncated", lambda body: isinstance(body, str) and body.startswith('{"created"')),
        ("nan", lambda body: body["marginLevel"] == "NaN"),
        ("wrong_types", lambda body: body["created"] == "True" and isinstance(body["marginLevel"], dict)),
        ("html", lambda body: body.startswith("<html>")),
        ("empty", lambda body: body == ""),
        ("missing_rows", lambda body: len(body["userAssets"]) == 200),
        ("contradiction", lambda body: body["marginLevel"] == "37.00000000"),
        ("not_json", lambda body: body == "Service Unavailable."),
    ],
)
async def test_corrupt_answers(running: RunningSandbox, client: SignedClient, form: str, shows: Any) -> None:
    running.sandbox.add_fault(Fault("malformed", path="/sapi/v1/margin/account", form=form))
    answer = await client.get("/sapi/v1/margin/account")
    assert answer.status == 200
    assert shows(answer.body)


async def test_a_hanging_request_is_never_answered(running: RunningSandbox, client: SignedClient) -> None:
    running.sandbox.add_fault(Fault("hang", method="POST", path=LOAN))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.post(LOAN, **REPAY)
    assert _borrowed(running) == D(30_000)


async def test_a_loan_is_made_even_if_the_client_is_gone_meanwhile() -> None:
    async with sandbox(replace(SCENARIO, limits=RequestLimits(loan_delay_s=0.3)), frozen=True) as running:
        async with SignedClient(running.sandbox, running.ready) as client:
            asking = asyncio.create_task(client.post(LOAN, **REPAY))
            await wait_until(lambda: any(one.path == LOAN for one in running.sandbox.requests))
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
        await wait_until(lambda: _borrowed(running) == D(29_900))


async def test_delayed_answer_comes_after_execution(running: RunningSandbox, client: SignedClient) -> None:
    running.sandbox.add_fault(Fault("delay", method="POST", path=LOAN, seconds=0.2))
    task = asyncio.create_task(client.post(LOAN, **REPAY))
    await wait_until(lambda: _borrowed(running) == D(29_900))
    assert not task.done()
    assert (await task).status == 200


async def test_a_delayed_answer_comes_once_the_faults_are_cleared(
    running: RunningSandbox, client: SignedClient
) -> None:
    running.sandbox.add_fault(Fault("delay", method="POST", path=LOAN, seconds=600))
    task = asyncio.create_task(client.post(LOAN, **REPAY))
    await wait_until(lambda: _borrowed(running) == D(29_900))
    assert not task.done()
    running.sandbox.clear_faults()
    assert (await task).status == 200


def test_fault_applies_from_the_nth_match_count_times() -> None:
    script = FaultScript([Fault("hang", path="/sapi/*", params={"type": "REPAY"}, account="main", nth=2, count=2)])

    def strike(path: str = LOAN, kind: str = "REPAY", account: str = "main") -> bool:
        return script.trigger("POST", path, {"type": kind, "asset": "USDT"}, account) is not None

    assert [strike(), strike(kind="BORROW"), strike(account="b"), strike(path="/api/x")] == [False] * 4
    assert [strike(), strike(), strike()] == [True, True, False]


def test_fault_with_count_zero_lasts_forever() -> None:
    script = FaultScript([Fault("hang", count=0)])
    assert all(script.trigger("GET", "/", {}, "") for _ in range(5))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "faults.json: not JSON"),
        ("{}", "faults.json: a list of objects is meant"),
        ("[1]", r'faults.json: \[0\]: an object with "what" is meant'),
        ('[{"what":"hang"},{"what":"burn"}]', r'faults.json: \[1\]: "what" is .burn.; one of status, delay'),
        ('[{"what":"hang","when":1}]', r'faults.json: \[0\]: unknown key "when"; known are what, method'),
        ('[{"what":"hang","nth":"2"}]', r"faults.json: \[0\].nth: '2' is no int"),
        ('[{"what":"hang","params":{"a":1}}]', r"faults.json: \[0\].params"),
        ('[{"what":"drop","stream":"news"}]', r'"stream" is .news.; one of account, market, risk'),
        ('[{"what":"malformed","form":"odd"}]', r'"form" is .odd.; one of truncated'),
        ('[{"what":"hang","nth":0}]', '"nth" starts at 1'),
    ],
)
def test_broken_script_is_refused_with_place_and_fix(text: str, complaint: str) -> None:
    with pytest.raises(FaultError, match=complaint):
        parse_faults(text.encode(), "faults.json")


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(
        '[{"what": "delay", "seconds": 1, "params": {"type": "REPAY"}}, {"what": "drop", "stream": "risk"}]'
    )
    assert read_faults(path) == [
        Fault("delay", seconds=1, params={"type": "REPAY"}),
        Fault("drop", stream="risk"),
    ]
    with pytest.raises(FaultError, match="name a readable JSON file"):
        read_faults(tmp_path / "none.json")
