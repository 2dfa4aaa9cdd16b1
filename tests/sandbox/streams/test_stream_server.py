"""The streams over loopback: tokens, keys, prices, control frames."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.scenario import (
    AccountSpec,
    ApiInterpretations,
    PairSpec,
    RequestLimits,
    Scenario,
    initial_balance,
)
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient, wait_until
from tests.support.timeouts import SOON_S

D = Decimal
HOUR_MS = 3_600_000

SCENARIO = Scenario(
    start=datetime(2026, 3, 1, 13, 5, tzinfo=UTC),
    accounts=(
        AccountSpec(
            spot={"USDT": D(5000)},
            cross={"BTC": initial_balance("1"), "USDT": initial_balance("1000", borrowed="30000")},
            isolated={"SOLUSDT": PairSpec(base=initial_balance("10"), quote=initial_balance("5", borrowed="500"))},
        ),
    ),
    prices={"BTCUSDT": D(60_000), "SOLUSDT": D(200)},
    limits=RequestLimits(loan_delay_s=0),
)


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with sandbox(SCENARIO, frozen=True) as one:
        yield one


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[SignedClient]:
    async with SignedClient(running.sandbox, running.ready) as one:
        yield one


async def _next(socket: ClientConnection) -> Any:
    return msgspec.json.decode(await asyncio.wait_for(socket.recv(), SOON_S))


async def _ask(socket: ClientConnection, method: str, **params: object) -> Any:
    await socket.send(msgspec.json.encode({"id": method, "method": method, "params": params}).decode())
    return await _next(socket)


async def _token(client: SignedClient, **params: object) -> str:
    answer = await client.post("/sapi/v1/userListenToken", **params)
    return str(answer.body["token"])


@asynccontextmanager
async def _listening(client: SignedClient, running: RunningSandbox) -> AsyncIterator[ClientConnection]:
    async with connect(running.ready.ws_api_url) as socket:
        await _ask(socket, "userDataStream.subscribe.listenToken", listenToken=await _token(client))
        yield socket


async def test_one_socket_carries_cross_and_a_pair(client: SignedClient, running: RunningSandbox) -> None:
    async with connect(running.ready.ws_api_url) as socket:
        method = "userDataStream.subscribe.listenToken"
        cross = await _ask(socket, method, listenToken=await _token(client))
        pair = await _ask(socket, method, listenToken=await _token(client, isIsolated="true", symbol="SOLUSDT"))
        assert (cross["status"], cross["result"]["subscriptionId"], pair["result"]["subscriptionId"]) == (200, 0, 1)
        # 24 hours on, in microseconds.
        assert cross["result"]["expirationTime"] == (1_772_370_300_000 + 24 * HOUR_MS) * 1000
        assert (await _ask(socket, "session.subscriptions"))["result"] == [
            {"subscriptionId": 0},
            {"subscriptionId": 1},
        ]
        running.sandbox.user_actions.deposit("main", "USDT", D("12.5"), "SOLUSDT")
        balance, position = await _next(socket), await _next(socket)
        assert balance["subscriptionId"] == 1
        assert (balance["event"]["e"], balance["event"]["d"]) == ("balanceUpdate", "12.50000000")
        assert position["event"]["B"] == [{"a": "USDT", "f": "17.50000000", "l": "0.00000000"}]


async def test_replies_carry_the_weight_used(running: RunningSandbox) -> None:
    async with connect(running.ready.ws_api_url) as socket:
        limits = (await _ask(socket, "ping"))["rateLimits"]
        assert limits[0] | {"count": 3} == limits[0]
    async with connect(running.ready.ws_api_url + "?returnRateLimits=false") as socket:
        assert await _ask(socket, "ping") == {"id": "ping", "status": 200, "result": {}}


async def test_a_token_that_is_unknown_or_out_is_refused(client: SignedClient, running: RunningSandbox) -> None:
    old = await _token(client, validity="60000")
    running.sandbox.user_actions.advance(60)
    async with connect(running.ready.ws_api_url) as socket:
        for token in ("nothing", old):
            answer = await _ask(socket, "userDataStream.subscribe.listenToken", listenToken=token)
            assert (answer["status"], answer["error"]["code"]) == (400, -1209)


async def test_an_expired_token_ends_in_one_event_and_silence(client: SignedClient, running: RunningSandbox) -> None:
    async with connect(running.ready.ws_api_url) as socket:
        token = await _token(client, validity="60000")
        await _ask(socket, "userDataStream.subscribe.listenToken", listenToken=token)
        running.sandbox.user_actions.advance(60)
        ended = await _next(socket)
        assert (ended["subscriptionId"], ended["event"]["e"]) == (0, "eventStreamTerminated")
        running.sandbox.user_actions.deposit("main", "USDT", D(1), "cross")
        assert (await _ask(socket, "session.subscriptions"))["result"] == []


async def test_a_token_that_runs_out_after_its_connection_ends_in_nothing(
    client: SignedClient, running: RunningSandbox
) -> None:
    async with connect(running.ready.ws_api_url) as socket:
        token = await _token(client, validity="60000")
        await _ask(socket, "userDataStream.subscribe.listenToken", listenToken=token)
    await wait_until(lambda: not running.sandbox.connections)
    running.sandbox.user_actions.advance(61)
    assert running.sandbox.sent_events == []


@pytest.mark.parametrize(("reading", "numbers"), [("same", [0]), ("new", [1])])
async def test_a_renewal_extends_on_the_same_connection(reading: Any, numbers: list[int]) -> None:
    scenario = replace(SCENARIO, readings=ApiInterpretations(renewed_subscription_id=reading))
    async with (
        sandbox(scenario, frozen=True) as running,
        SignedClient(running.sandbox, running.ready) as client,
        connect(running.ready.ws_api_url) as socket,
    ):
        method = "userDataStream.subscribe.listenToken"
        await _ask(socket, method, listenToken=await _token(client, validity="60000"))
        renewed = await _ask(socket, method, listenToken=await _token(client))
        assert renewed["result"]["subscriptionId"] == numbers[0]
        running.sandbox.user_actions.advance(61)
        running.sandbox.user_actions.deposit("main", "USDT", D(1), "cross")
        assert (await _next(socket))["subscriptionId"] == numbers[0]


async def test_unsubscribing_ends_with_an_event(client: SignedClient, running: RunningSandbox) -> None:
    async with _listening(client, running) as socket:
        await socket.send('{"id":7,"method":"userDataStream.unsubscribe","params":{}}')
        frames = [await _next(socket), await _next(socket)]
        assert {"id": 7, "status": 200, "result": {}}.items() <= frames[1].items()
        assert frames[0]["event"]["e"] == "eventStreamTerminated"


async def test_manual_borrow_reaches_account_and_risk_streams(client: SignedClient, running: RunningSandbox) -> None:
    key = (await client.keyed("POST", "/sapi/v1/margin/listen-key")).body["listenKey"]
    async with _listening(client, running) as account, connect(f"{running.ready.risk_stream_url}/ws/{key}") as risk:
        await wait_until(lambda: len(running.sandbox.connections) == 2)
        running.sandbox.user_actions.borrow("main", "USDT", D(100))
        liability = await _next(risk)
        assert (liability["e"], liability["a"], liability["t"], liability["p"]) == (
            "USER_LIABILITY_CHANGE",
            "USDT",
            "BORROW",
            "100.00000000",
        )
        assert (await _next(account))["event"]["e"] == "outboundAccountPosition"
        sent = running.sandbox.sent_events
        assert [(one.stream, one.kind, one.swallowed) for one in sent] == [
            ("risk", "USER_LIABILITY_CHANGE", False),
            ("account", "outboundAccountPosition", False),
        ]
        assert msgspec.json.decode(sent[0].text) == liability


async def test_margin_call_is_sent_once_at_each_crossing(client: SignedClient, running: RunningSandbox) -> None:
    key = (await client.keyed("POST", "/sapi/v1/margin/listen-key")).body["listenKey"]
    url = f"{running.ready.risk_stream_url}/stream?streams={key}"
    async with connect(url) as risk:
        await wait_until(lambda: running.sandbox.connections)
        for price in ("39000", "38000", "37900", "50000", "37800"):
            running.sandbox.user_actions.set_price("BTCUSDT", D(price))
        first, second = await _next(risk), await _next(risk)
        assert first["stream"] == key
        # (38,000 + 1,000) / 30,000
        assert first["data"]["l"] == "1.30000000"
        assert (first["data"]["e"], first["data"]["s"]) == ("MARGIN_LEVEL_STATUS_CHANGE", "MARGIN_CALL")
        assert second["data"]["l"] == "1.29333333"


async def test_the_risk_key_runs_out_after_an_hour_without_renewal(
    client: SignedClient, running: RunningSandbox
) -> None:
    path = "/sapi/v1/margin/listen-key"
    key = (await client.keyed("POST", path)).body["listenKey"]
    assert (await client.keyed("POST", path)).body["listenKey"] == key
    async with connect(f"{running.ready.risk_stream_url}/ws/{key}") as risk:
        await wait_until(lambda: running.sandbox.connections)
        running.sandbox.user_actions.advance(50 * 60)
        assert (await client.keyed("PUT", path, listenKey=key)).body == {}
        running.sandbox.user_actions.advance(59 * 60)
        while (event := await _next(risk))["e"] == "USER_LIABILITY_CHANGE":
            running.sandbox.user_actions.advance(60)
        assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key)
        assert isinstance(event["E"], str)
    assert (await client.keyed("PUT", path, listenKey=key)).body["code"] == -1125
    assert (await client.keyed("POST", path)).body["listenKey"] != key


async def test_prices_come_raw_combined_and_on_demand(running: RunningSandbox) -> None:
    base = running.ready.market_stream_url
    async with connect(f"{base}/ws/btcusdt@miniTicker") as raw:
        first = await _next(raw)
        assert (first["e"], first["s"], first["c"]) == ("24hrMiniTicker", "BTCUSDT", "60000.00000000")
        running.sandbox.user_actions.set_price("BTCUSDT", D(59_000))
        assert (await _next(raw))["c"] == "59000.00000000"
    async with connect(f"{base}/stream?streams=btcusdt@bookTicker/solusdt@trade") as combined:
        frames = {frame["stream"]: frame["data"] for frame in (await _next(combined), await _next(combined))}
        assert set(frames["btcusdt@bookTicker"]) == {"u", "s", "b", "B", "a", "A"}
        assert frames["solusdt@trade"]["p"] == "200.00000000"
    async with connect(f"{base}/stream") as socket:
        await socket.send('{"method":"SUBSCRIBE","params":["solusdt@miniTicker"],"id":1}')
        assert await _next(socket) == {"result": None, "id": 1}
        assert (await _next(socket))["data"]["s"] == "SOLUSDT"
        await socket.send('{"method":"LIST_SUBSCRIPTIONS","id":3}')
        assert await _next(socket) == {"result": ["solusdt@miniTicker"], "id": 3}
        await socket.send('{"method":"DANCE","id":4}')
        assert (await _next(socket))["code"] == 2


async def test_six_messages_a_second_end_a_market_connection(running: RunningSandbox) -> None:
    async with connect(f"{running.ready.market_stream_url}/ws") as socket:
        with pytest.raises(ConnectionClosed):
            for number in range(12):
                await socket.send(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
            while True:
                await _next(socket)


async def test_server_pings_and_a_half_open_connection_is_silent() -> None:
    async with (
        sandbox(SCENARIO, frozen=True, ping_every_s=0.05) as running,
        SignedClient(running.sandbox, running.ready) as client,
        _listening(client, running) as socket,
    ):
        connection = running.sandbox.connections[0]
        before = connection.last_pong
        await wait_until(lambda: connection.last_pong > before)
        running.sandbox.add_fault(Fault("half_open", stream="account"))
        running.sandbox.user_actions.deposit("main", "USDT", D(1), "cross")
        assert all(sent_event.swallowed for sent_event in running.sandbox.sent_events)
        waiter = await socket.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiter, 0.2)


async def test_dropped_connection_ends_and_a_refused_one_does_not_open(
    client: SignedClient, running: RunningSandbox
) -> None:
    async with _listening(client, running) as socket:
        running.sandbox.add_fault(Fault("refuse", stream="account", seconds=30))
        running.sandbox.add_fault(Fault("drop", stream="account"))
        with pytest.raises(ConnectionClosed):
            await _next(socket)
    with pytest.raises(Exception, match="503"):
        await connect(running.ready.ws_api_url)
    running.sandbox.user_actions.advance(31)
    async with connect(running.ready.ws_api_url) as socket:
        assert (await _ask(socket, "ping"))["status"] == 200


async def test_frames_are_corrupted_duplicated_and_swapped(client: SignedClient, running: RunningSandbox) -> None:
    def touch(amount: str) -> None:
        running.sandbox.user_actions.deposit("main", "USDT", D(amount), "cross")

    async with _listening(client, running) as socket:
        running.sandbox.add_fault(Fault("malform", stream="account", count=1))
        touch("1")
        with pytest.raises(msgspec.DecodeError):
            await _next(socket)
        assert (await _next(socket))["event"]["e"] == "outboundAccountPosition"
        running.sandbox.add_fault(Fault("duplicate", stream="account", count=1))
        touch("2")
        assert await _next(socket) == await _next(socket)
        await _next(socket)
        running.sandbox.add_fault(Fault("reorder", stream="account", count=2))
        touch("3")
        assert [(await _next(socket))["event"]["e"] for _ in range(2)] == ["outboundAccountPosition", "balanceUpdate"]
        assert [sent_event.swallowed for sent_event in running.sandbox.sent_events] == [True] + [False] * 5


async def test_a_shutdown_is_announced_in_each_shape(client: SignedClient, running: RunningSandbox) -> None:
    async with _listening(client, running) as account:
        running.sandbox.add_fault(Fault("shutdown", stream="account"))
        assert set(await _next(account)) == {"event"}
        with pytest.raises(ConnectionClosed):
            await _next(account)
    async with connect(f"{running.ready.market_stream_url}/stream?streams=btcusdt@trade") as market:
        await _next(market)
        running.sandbox.add_fault(Fault("shutdown", stream="market"))
        assert (await _next(market))["stream"] == "!serverShutdown"


async def test_flood_sends_the_listed_events(client: SignedClient, running: RunningSandbox) -> None:
    async with _listening(client, running) as socket:
        running.sandbox.add_fault(Fault("flood", stream="account", count=500))
        received = [msgspec.json.encode((await _next(socket))["event"]).decode() for _ in range(500)]
        assert received == [sent_event.text for sent_event in running.sandbox.sent_events]
        assert len(set(received)) == 500


async def test_connection_is_closed_after_a_day(client: SignedClient, running: RunningSandbox) -> None:
    async with _listening(client, running) as socket:
        running.sandbox.user_actions.advance(24 * 3600 + 1)
        with pytest.raises(ConnectionClosed):
            while True:
                await _next(socket)


FRAMES = 12
"""Of two pairs: a busy machine takes longer for them, none takes less."""


async def test_prices_are_coalesced_when_time_runs_fast() -> None:
    streams = "stream?streams=btcusdt@trade/solusdt@trade"
    async with (
        sandbox(SCENARIO, speed=1000) as running,
        connect(f"{running.ready.market_stream_url}/{streams}") as market,
    ):
        await asyncio.wait_for(market.recv(), SOON_S)
        began_s = asyncio.get_running_loop().time()
        for _ in range(FRAMES):
            await asyncio.wait_for(market.recv(), SOON_S)
        assert asyncio.get_running_loop().time() - began_s >= FRAMES / 100


async def test_all_tickers_contain_only_changes(running: RunningSandbox) -> None:
    async with connect(f"{running.ready.market_stream_url}/ws/!miniTicker@arr") as market:
        assert len(await _next(market)) > 400
        running.sandbox.user_actions.set_price("SOLUSDT", D(201))
        assert {row["s"] for row in await _next(market)} == {"SOLUSDT", "SOLBTC"}


async def test_expired_risk_keys_are_announced_and_tokens_stay(client: SignedClient, running: RunningSandbox) -> None:
    key = (await client.keyed("POST", "/sapi/v1/margin/listen-key")).body["listenKey"]
    async with _listening(client, running) as account, connect(f"{running.ready.risk_stream_url}/ws/{key}") as risk:
        await wait_until(lambda: len(running.sandbox.connections) == 2)
        running.sandbox.add_fault(Fault("expire", stream="risk"))
        assert (await _next(risk))["e"] == "listenKeyExpired"
        running.sandbox.add_fault(Fault("expire", stream="account"))
        assert (await _next(account))["event"]["e"] == "eventStreamTerminated"


async def test_a_fault_may_come_later(client: SignedClient, running: RunningSandbox) -> None:
    async with _listening(client, running) as socket:
        running.sandbox.add_fault(Fault("terminate", stream="account", at=600))
        running.sandbox.user_actions.advance(599)
        assert (await _ask(socket, "ping"))["status"] == 200
        running.sandbox.user_actions.advance(1)
        assert (await _next(socket))["event"]["e"] == "eventStreamTerminated"


async def test_the_unified_key_carries_everything_of_the_account(client: SignedClient, running: RunningSandbox) -> None:
    key = (await client.keyed("POST", "/sapi/v2/margin/listen-key")).body["listenKey"]
    async with connect(f"{running.ready.risk_stream_url}/ws/{key}") as socket:
        await wait_until(lambda: running.sandbox.connections)
        running.sandbox.user_actions.borrow("main", "USDT", D(1))
        running.sandbox.user_actions.deposit("main", "SOL", D(1), "SOLUSDT")
        kinds = [(await _next(socket))["e"] for _ in range(4)]
        assert kinds == ["USER_LIABILITY_CHANGE", "outboundAccountPosition", "balanceUpdate", "outboundAccountPosition"]


async def test_dropped_subscriptions_send_nothing(client: SignedClient, running: RunningSandbox) -> None:
    async with (
        _listening(client, running) as account,
        connect(f"{running.ready.market_stream_url}/stream?streams=btcusdt@trade") as market,
    ):
        await _next(market)
        running.sandbox.add_fault(Fault("forget", stream="account"))
        running.sandbox.add_fault(Fault("forget", stream="market"))
        running.sandbox.user_actions.deposit("main", "USDT", D(1), "cross")
        assert (await _ask(account, "session.subscriptions"))["result"] == []
        await market.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        while "id" not in (held := await _next(market)):
            continue
        assert held["result"] == []
        assert running.sandbox.sent_events == []


async def test_muted_connection_replies_and_sends_no_events(client: SignedClient, running: RunningSandbox) -> None:
    async with _listening(client, running) as socket:
        running.sandbox.add_fault(Fault("mute", stream="account", seconds=60))
        running.sandbox.user_actions.deposit("main", "USDT", D(1), "cross")
        assert (await _ask(socket, "session.subscriptions"))["result"] == [{"subscriptionId": 0}]
        assert [sent_event.swallowed for sent_event in running.sandbox.sent_events] == [True, True]
        running.sandbox.user_actions.advance(61)
        running.sandbox.user_actions.deposit("main", "USDT", D(2), "cross")
        assert (await _next(socket))["event"]["d"] == "2.00000000"


async def test_rejected_tokens_are_valid_again_later(client: SignedClient, running: RunningSandbox) -> None:
    running.sandbox.add_fault(Fault("spurn", stream="account", count=1))
    token = await _token(client)
    async with connect(running.ready.ws_api_url) as socket:
        answers = [await _ask(socket, "userDataStream.subscribe.listenToken", listenToken=token) for _ in range(2)]
    assert [answer["status"] for answer in answers] == [400, 200]
    assert answers[0]["error"]["code"] == -1209


@pytest.mark.parametrize("form", ["truncated", "binary", "large", "deep", "wrapped"])
async def test_a_malformed_frame_takes_the_place_of_its_event(
    client: SignedClient, running: RunningSandbox, form: str
) -> None:
    async with _listening(client, running) as socket:
        running.sandbox.add_fault(Fault("malform", stream="account", count=1, form=form))
        running.sandbox.user_actions.deposit("main", "USDT", D(1), "cross")
        spoilt = await asyncio.wait_for(socket.recv(), SOON_S) if form != "large" else None
        assert isinstance(spoilt, bytes) == (form == "binary")
        assert [sent_event.swallowed for sent_event in running.sandbox.sent_events] == [True, False]


async def test_a_client_that_vanishes_in_the_handshake_is_no_error(
    running: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    place = urlsplit(running.ready.risk_stream_url)
    hello = (
        f"GET {place.path}/ws/key HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    for _ in range(20):
        with socket.create_connection((place.hostname, place.port)) as client:
            client.sendall(hello.encode())
    async with connect(f"{running.ready.risk_stream_url}/ws/key"):
        pass
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
