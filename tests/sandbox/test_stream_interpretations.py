"""Where the documents leave a fact open, the sandbox plays either reading: those of the streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, RequestLimits, Scenario, initial_balance
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient
from tests.support.timeouts import SOON_S

MOMENT = datetime(2026, 3, 1, 13, 5, tzinfo=UTC)
SCENARIO = Scenario(
    start=MOMENT,
    accounts=(AccountSpec(cross={"BTC": initial_balance("1"), "USDT": initial_balance("1000", borrowed="20000")}),),
    limits=RequestLimits(loan_delay_s=0),
)
REPAY = {"asset": "USDT", "isIsolated": "FALSE", "amount": "5", "type": "REPAY"}
RISK_KEY = "/sapi/v1/margin/listen-key"


@asynccontextmanager
async def _world(readings: ApiInterpretations) -> AsyncIterator[tuple[RunningSandbox, SignedClient]]:
    scenario = replace(SCENARIO, readings=readings)
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        yield running, client


def _account(running: RunningSandbox) -> connect:
    return connect(running.ready.ws_api_url)


async def _next(socket: ClientConnection) -> Any:
    return msgspec.json.decode(await asyncio.wait_for(socket.recv(), SOON_S))


async def _subscribe(client: SignedClient, socket: ClientConnection) -> Any:
    token = (await client.post("/sapi/v1/userListenToken")).body["token"]
    asked = {"id": 1, "method": "userDataStream.subscribe.listenToken", "params": {"listenToken": token}}
    await socket.send(msgspec.json.encode(asked).decode())
    return (await _next(socket))["result"]


@pytest.mark.parametrize(("unit", "in_a_second"), [("us", 1_000_000), ("ms", 1000)])
async def test_a_subscription_says_when_it_expires(unit: Literal["us", "ms"], in_a_second: int) -> None:
    async with _world(ApiInterpretations(token_expiration_unit=unit)) as (running, client), _account(running) as socket:
        told = await _subscribe(client, socket)
    assert told["expirationTime"] == (int(MOMENT.timestamp()) + 24 * 3600) * in_a_second


@pytest.mark.parametrize(("reading", "principal"), [("delta", "5.00000000"), ("total", "19995.00000000")])
async def test_liability_event_carries_the_change_or_the_debt(
    reading: Literal["delta", "total"], principal: str
) -> None:
    async with _world(ApiInterpretations(liability_event=reading)) as (running, client):
        key = (await client.keyed("POST", RISK_KEY)).body["listenKey"]
        async with connect(f"{running.ready.risk_stream_url}/ws/{key}") as socket:
            await client.post("/sapi/v1/margin/borrow-repay", **REPAY)
            event = await _next(socket)
    assert (event["e"], event["t"], event["p"]) == ("USER_LIABILITY_CHANGE", "REPAY", principal)


@pytest.mark.parametrize(
    ("sends", "kinds"), [(False, ["outboundAccountPosition"]), (True, ["balanceUpdate", "outboundAccountPosition"])]
)
async def test_a_loan_sends_a_balance_update_or_none(sends: bool, kinds: list[str]) -> None:
    readings = ApiInterpretations(loan_sends_balance_update=sends)
    async with _world(readings) as (running, client), _account(running) as socket:
        await _subscribe(client, socket)
        await client.post("/sapi/v1/margin/borrow-repay", **REPAY)
        told = [(await _next(socket))["event"]["e"] for _ in kinds]
    assert told == kinds


@pytest.mark.parametrize("minutes", [60, 24 * 60])
async def test_risk_key_lifetime_follows_the_interpretation(minutes: int) -> None:
    async with _world(ApiInterpretations(risk_key_minutes=minutes)) as (running, client):
        key = (await client.keyed("POST", RISK_KEY)).body["listenKey"]
        running.sandbox.user_actions.advance(minutes * 60 - 1)
        assert (await client.keyed("PUT", RISK_KEY, listenKey=key)).status == 200
        running.sandbox.user_actions.advance(minutes * 60)
        assert (await client.keyed("PUT", RISK_KEY, listenKey=key)).body["code"] == -1125
