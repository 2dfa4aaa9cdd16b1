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

from monitor.sandbox.scenario.scenario import AccountSpec, Limits, Readings, Scenario, holding
from tests.support.sandbox import Running, sandbox
from tests.support.sandbox_client import Client
from tests.support.timeouts import SOON_S

MOMENT = datetime(2026, 3, 1, 13, 5, tzinfo=UTC)
SCENARIO = Scenario(
    start=MOMENT,
    accounts=(AccountSpec(cross={"BTC": holding("1"), "USDT": holding("1000", borrowed="20000")}),),
    limits=Limits(loan_delay_s=0),
)
REPAY = {"asset": "USDT", "isIsolated": "FALSE", "amount": "5", "type": "REPAY"}
RISK_KEY = "/sapi/v1/margin/listen-key"


@asynccontextmanager
async def _world(readings: Readings) -> AsyncIterator[tuple[Running, Client]]:
    scenario = replace(SCENARIO, readings=readings)
    async with sandbox(scenario, frozen=True) as running, Client(running.sandbox, running.ready) as client:
        yield running, client


def _account(running: Running) -> connect:
    return connect(running.ready.ws_api_url)


async def _next(socket: ClientConnection) -> Any:
    return msgspec.json.decode(await asyncio.wait_for(socket.recv(), SOON_S))


async def _subscribe(client: Client, socket: ClientConnection) -> Any:
    token = (await client.post("/sapi/v1/userListenToken")).body["token"]
    asked = {"id": 1, "method": "userDataStream.subscribe.listenToken", "params": {"listenToken": token}}
    await socket.send(msgspec.json.encode(asked).decode())
    return (await _next(socket))["result"]


@pytest.mark.parametrize(("unit", "in_a_second"), [("us", 1_000_000), ("ms", 1000)])
async def test_a_subscription_says_when_it_expires(unit: Literal["us", "ms"], in_a_second: int) -> None:
    async with _world(Readings(token_expiration_unit=unit)) as (running, client), _account(running) as socket:
        told = await _subscribe(client, socket)
    assert told["expirationTime"] == (int(MOMENT.timestamp()) + 24 * 3600) * in_a_second


@pytest.mark.parametrize(("reading", "principal"), [("delta", "5.00000000"), ("total", "19995.00000000")])
async def test_a_liability_event_tells_the_change_or_the_debt(
    reading: Literal["delta", "total"], principal: str
) -> None:
    async with _world(Readings(liability_event=reading)) as (running, client):
        key = (await client.keyed("POST", RISK_KEY)).body["listenKey"]
        async with connect(f"{running.ready.risk_stream_url}/ws/{key}") as socket:
            await client.post("/sapi/v1/margin/borrow-repay", **REPAY)
            event = await _next(socket)
    assert (event["e"], event["t"], event["p"]) == ("USER_LIABILITY_CHANGE", "REPAY", principal)


@pytest.mark.parametrize(
    ("sends", "kinds"), [(False, ["outboundAccountPosition"]), (True, ["balanceUpdate", "outboundAccountPosition"])]
)
async def test_a_loan_sends_a_balance_update_or_none(sends: bool, kinds: list[str]) -> None:
    readings = Readings(loan_sends_balance_update=sends)
    async with _world(readings) as (running, client), _account(running) as socket:
        await _subscribe(client, socket)
        await client.post("/sapi/v1/margin/borrow-repay", **REPAY)
        told = [(await _next(socket))["event"]["e"] for _ in kinds]
    assert told == kinds


@pytest.mark.parametrize("minutes", [60, 24 * 60])
async def test_a_risk_key_lives_as_long_as_the_reading_says(minutes: int) -> None:
    async with _world(Readings(risk_key_minutes=minutes)) as (running, client):
        key = (await client.keyed("POST", RISK_KEY)).body["listenKey"]
        running.sandbox.hand.advance(minutes * 60 - 1)
        assert (await client.keyed("PUT", RISK_KEY, listenKey=key)).status == 200
        running.sandbox.hand.advance(minutes * 60)
        assert (await client.keyed("PUT", RISK_KEY, listenKey=key)).body["code"] == -1125
