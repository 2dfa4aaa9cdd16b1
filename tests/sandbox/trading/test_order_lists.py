"""Stops, order lists, partial fills and prevented matches by hand-worked figures."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from monitor.sandbox.scenario.scenario import AccountSpec, RequestLimits, Scenario, initial_balance
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient
from tests.support.timeouts import SOON_S

D = Decimal
ORDER = "/sapi/v1/margin/order"
LIST = "/sapi/v1/margin/orderList"

SCENARIO = Scenario(
    accounts=(AccountSpec(cross={"BTC": initial_balance("1"), "USDT": initial_balance("50000", borrowed="20000")}),),
    prices={"BTCUSDT": D(50_000)},
    limits=RequestLimits(loan_delay_s=0),
)
SELL = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1"}
OCO = {**SELL, "price": "60000", "stopPrice": "45000"}


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with sandbox(SCENARIO, frozen=True) as one:
        yield one


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[SignedClient]:
    async with SignedClient(running.sandbox, running.ready) as one:
        yield one


async def _balance(client: SignedClient, asset: str) -> tuple[str, str]:
    rows = (await client.get("/sapi/v1/margin/account")).body["userAssets"]
    row = next(row for row in rows if row["asset"] == asset)
    return row["free"], row["locked"]


async def _orders(client: SignedClient) -> dict[str, Any]:
    rows = (await client.get("/sapi/v1/margin/allOrders", symbol="BTCUSDT")).body
    return {row["type"]: row["status"] for row in rows}


def _price(running: RunningSandbox, price: int) -> None:
    running.sandbox.user_actions.set_price("BTCUSDT", D(price))


@pytest.mark.parametrize(
    ("kind", "side", "stop", "too_early", "reached"),
    [
        ("STOP_LOSS", "SELL", 45_000, 45_001, 45_000),
        ("TAKE_PROFIT", "SELL", 55_000, 54_999, 55_000),
        ("STOP_LOSS", "BUY", 55_000, 54_999, 55_000),
        ("TAKE_PROFIT", "BUY", 45_000, 45_001, 45_000),
    ],
)
async def test_stop_triggers_at_its_price(
    client: SignedClient, running: RunningSandbox, kind: str, side: str, stop: int, too_early: int, reached: int
) -> None:
    placed = await client.post(ORDER, **SELL | {"side": side, "type": kind, "stopPrice": str(stop)})
    assert set(placed.body) == {"symbol", "orderId", "clientOrderId", "isIsolated", "transactTime"}
    _price(running, too_early)
    (row,) = (await client.get("/sapi/v1/margin/openOrders")).body
    assert (row["isWorking"], row["stopPrice"]) == (False, f"{stop}.00000000")
    _price(running, reached)
    assert await _orders(client) == {kind: "FILLED"}
    (trade,) = (await client.get("/sapi/v1/margin/myTrades", symbol="BTCUSDT")).body
    assert trade["price"] == f"{reached}.00000000"


async def test_stop_that_would_trigger_at_once_is_refused(client: SignedClient) -> None:
    answer = await client.post(ORDER, **SELL, type="STOP_LOSS", stopPrice="50000")
    assert answer.body == {"code": -2010, "msg": "Order would trigger immediately."}


async def test_triggered_stop_limit_rests_at_its_limit(client: SignedClient, running: RunningSandbox) -> None:
    await client.post(ORDER, **SELL, type="STOP_LOSS_LIMIT", timeInForce="GTC", stopPrice="45000", price="46000")
    _price(running, 44_000)
    (row,) = (await client.get("/sapi/v1/margin/openOrders")).body
    assert (row["isWorking"], row["price"]) == (True, "46000.00000000")
    _price(running, 46_000)
    assert await _orders(client) == {"STOP_LOSS_LIMIT": "FILLED"}


async def test_a_trailing_stop_follows_the_best_price(client: SignedClient, running: RunningSandbox) -> None:
    # 2 % under the highest price seen, 60,000, is 58,800.
    await client.post(ORDER, **SELL, type="STOP_LOSS", trailingDelta="200")
    for price in (60_000, 58_801):
        _price(running, price)
    assert await _orders(client) == {"STOP_LOSS": "NEW"}
    _price(running, 58_800)
    assert await _orders(client) == {"STOP_LOSS": "FILLED"}


async def test_an_oco_locks_its_amount_once_and_one_leg_ends_the_other(
    client: SignedClient, running: RunningSandbox
) -> None:
    placed = (await client.post("/sapi/v1/margin/order/oco", **OCO)).body
    assert (placed["contingencyType"], placed["listOrderStatus"], len(placed["orderReports"])) == (
        "OCO",
        "EXECUTING",
        2,
    )
    assert await _balance(client, "BTC") == ("0.90000000", "0.10000000")
    assert len((await client.get("/sapi/v1/margin/openOrderList")).body) == 1
    _price(running, 45_000)
    assert await _orders(client) == {"STOP_LOSS": "FILLED", "LIMIT_MAKER": "EXPIRED"}
    assert await _balance(client, "BTC") == ("0.90000000", "0.00000000")
    assert (await client.get("/sapi/v1/margin/openOrderList")).body == []
    looked = (await client.get(LIST, orderListId=placed["orderListId"])).body
    assert (looked["listStatusType"], looked["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert running.sandbox.state_dump["imbalance"] == {}


async def test_cancelling_one_leg_cancels_the_list(client: SignedClient) -> None:
    placed = (await client.post("/sapi/v1/margin/order/oco", **OCO, listClientOrderId="mine")).body
    leg = placed["orders"][1]["orderId"]
    assert (await client.signed("DELETE", ORDER, symbol="BTCUSDT", orderId=leg)).status == 200
    assert set((await _orders(client)).values()) == {"CANCELED"}
    assert await _balance(client, "BTC") == ("1.00000000", "0.00000000")
    again = await client.signed("DELETE", LIST, symbol="BTCUSDT", listClientOrderId="mine")
    assert again.body["code"] == -2011


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"price": "49000"}, -2010),
        ({"stopPrice": "51000"}, -2010),
        ({"quantity": "1.1"}, -2010),
        ({"stopLimitPrice": "44000"}, -1102),
        ({"stopClientOrderId": "same", "limitClientOrderId": "same"}, -2010),
    ],
)
async def test_a_refused_oco_leaves_nothing(client: SignedClient, changed: dict[str, str], code: int) -> None:
    answer = await client.post("/sapi/v1/margin/order/oco", **OCO | changed)
    assert answer.body["code"] == code
    assert (await client.get("/sapi/v1/margin/openOrders")).body == []
    assert await _balance(client, "BTC") == ("1.00000000", "0.00000000")


OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "45000",
    "workingQuantity": "0.1", "workingIcebergQty": "0", "workingTimeInForce": "GTC", "pendingType": "LIMIT",
    "pendingSide": "SELL", "pendingQuantity": "0.1", "pendingPrice": "60000", "pendingTimeInForce": "GTC",
}  # fmt: skip


async def test_the_second_order_waits_for_the_first(client: SignedClient, running: RunningSandbox) -> None:
    placed = (await client.post("/sapi/v1/margin/order/oto", **OTO)).body
    assert [row["status"] for row in placed["orderReports"]] == ["NEW", "PENDING_NEW"]
    (chain,) = (await client.get("/sapi/v1/margin/oto/openOrderList")).body
    assert [(row["status"], row["orderId"] is None) for row in chain["orders"]] == [
        ("NEW", False),
        ("PENDING_NEW", True),
    ]
    _price(running, 60_000)
    assert [row["status"] for row in (await client.get("/sapi/v1/margin/openOrders")).body] == ["NEW", "PENDING_NEW"]
    _price(running, 45_000)
    assert [row["side"] for row in (await client.get("/sapi/v1/margin/openOrders")).body] == ["SELL"]
    _price(running, 60_000)
    assert (await client.get("/sapi/v1/margin/oto/openOrderList")).body == []
    assert running.sandbox.state_dump["imbalance"] == {}


async def test_when_the_first_is_cancelled_the_second_goes_too(client: SignedClient) -> None:
    placed = (await client.post("/sapi/v1/margin/order/oto", **OTO)).body
    answer = await client.signed("DELETE", LIST, symbol="BTCUSDT", orderListId=placed["orderListId"])
    assert [row["status"] for row in answer.body["orderReports"]] == ["CANCELED", "CANCELED"]


async def test_a_chain_may_not_repay(client: SignedClient) -> None:
    answer = await client.post("/sapi/v1/margin/order/oto", **OTO, sideEffectType="AUTO_REPAY")
    assert answer.body["code"] == -1130


async def test_a_pair_follows_a_filled_order(client: SignedClient, running: RunningSandbox) -> None:
    params = {name: value for name, value in OTO.items() if name in (
        "symbol", "workingType", "workingSide", "workingQuantity", "workingTimeInForce", "pendingSide",
        "pendingQuantity",
    )}  # fmt: skip
    pair = {
        "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "60000", "pendingBelowType": "STOP_LOSS",
        "pendingBelowStopPrice": "45000",
    }  # fmt: skip
    placed = (await client.post("/sapi/v1/margin/order/otoco", **params, **pair, workingPrice="50000")).body
    # The first was filled at once, and still the others are shown as waiting.
    assert [row["status"] for row in placed["orderReports"]] == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    assert [row["status"] for row in (await client.get("/sapi/v1/margin/openOrders")).body] == ["NEW", "NEW"]
    assert (await _balance(client, "BTC"))[1] == "0.10000000"
    _price(running, 60_000)
    assert await _orders(client) == {"LIMIT": "FILLED", "LIMIT_MAKER": "FILLED", "STOP_LOSS": "EXPIRED"}


async def test_account_stream_announces_order_lists(client: SignedClient, running: RunningSandbox) -> None:
    token = (await client.post("/sapi/v1/userListenToken")).body["token"]
    async with connect(running.ready.ws_api_url) as socket:
        subscribe = {"id": 1, "method": "userDataStream.subscribe.listenToken", "params": {"listenToken": token}}
        await socket.send(msgspec.json.encode(subscribe).decode())
        await socket.recv()
        placed = (await client.post("/sapi/v1/margin/order/oco", **OCO)).body
        _price(running, 60_000)
        told: list[tuple[str, str]] = []
        while not told or told[-1] != ("ALL_DONE", "ALL_DONE"):
            event = msgspec.json.decode(await asyncio.wait_for(socket.recv(), SOON_S))["event"]
            if event["e"] == "listStatus":
                assert (event["g"], event["c"], len(event["O"])) == (placed["orderListId"], "OCO", 2)
                told.append((event["l"], event["L"]))
    assert told == [("EXEC_STARTED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")]


async def test_lists_are_found_by_scope_id_and_time(client: SignedClient, running: RunningSandbox) -> None:
    first = (await client.post("/sapi/v1/margin/order/oco", **OCO)).body["orderListId"]
    running.sandbox.user_actions.advance(25 * 3600)
    second = (await client.post("/sapi/v1/margin/order/oco", **OCO, listClientOrderId="late")).body["orderListId"]
    path = "/sapi/v1/margin/allOrderList"
    assert [one["orderListId"] for one in (await client.get(path)).body] == [second]
    assert [one["orderListId"] for one in (await client.get(path, fromId=first)).body] == [first, second]
    assert (await client.get(path, symbol="BTCUSDT")).body["code"] == -1106
    assert (await client.get(path, isIsolated="TRUE")).body["code"] == -1102
    assert (await client.get(path, startTime="0", endTime="86400001")).body["code"] == -1127
    assert (await client.get(LIST, origClientOrderId="late")).body["orderListId"] == second
    assert (await client.get(LIST, orderListId="1")).body["code"] == -2013


THIN = replace(SCENARIO, depth={"BTCUSDT": D("0.04")})


async def test_market_order_fills_the_available_depth_and_expires() -> None:
    async with sandbox(THIN, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        answer = (await client.post(ORDER, **SELL, type="MARKET")).body
        assert (answer["status"], answer["executedQty"], answer["cummulativeQuoteQty"]) == ("EXPIRED", "0.04", "2000")
        assert await _balance(client, "BTC") == ("0.96000000", "0.00000000")
        none_left = (await client.post(ORDER, **SELL, type="MARKET")).body
        assert (none_left["status"], none_left["executedQty"]) == ("EXPIRED", "0")


@pytest.mark.parametrize(
    ("holds", "status", "filled"),
    [("IOC", "EXPIRED", "0.04"), ("FOK", "EXPIRED", "0"), ("GTC", "PARTIALLY_FILLED", "0.04")],
)
async def test_a_limit_order_is_filled_in_parts(holds: str, status: str, filled: str) -> None:
    async with sandbox(THIN, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        answer = (await client.post(ORDER, **SELL, type="LIMIT", timeInForce=holds, price="50000")).body
        assert (answer["status"], answer["executedQty"]) == (status, filled)
        if holds == "GTC":
            assert await _balance(client, "BTC") == ("0.90000000", "0.06000000")
            running.sandbox.user_actions.advance(2)
            assert await _orders(client) == {"LIMIT": "FILLED"}
            trades = (await client.get("/sapi/v1/margin/myTrades", symbol="BTCUSDT")).body
            assert [(row["qty"], row["isMaker"]) for row in trades] == [
                ("0.04000000", False),
                ("0.04000000", True),
                ("0.02000000", True),
            ]
        assert running.sandbox.state_dump["imbalance"] == {}


@pytest.mark.parametrize(("repays", "owed"), [("true", "20000.00000000"), ("false", "28000.00000000")])
async def test_cancelled_order_repays_its_loan_by_default(client: SignedClient, repays: str, owed: str) -> None:
    # 48,000 needed, 40,000 there; the first hour's interest of the 8,000 is owed in any case.
    await client.post("/sapi/v1/asset/transfer", type="MARGIN_MAIN", asset="USDT", amount="10000")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    placed = await client.post(ORDER, **order, price="48000", sideEffectType="MARGIN_BUY", autoRepayAtCancel=repays)
    assert placed.body["marginBuyBorrowAmount"] == 8000
    await client.signed("DELETE", ORDER, symbol="BTCUSDT", orderId=placed.body["orderId"])
    rows = (await client.get("/sapi/v1/margin/account")).body["userAssets"]
    usdt = next(row for row in rows if row["asset"] == "USDT")
    assert Decimal(usdt["borrowed"]) - Decimal(owed) == (D("0.09132333") if repays == "true" else 0)


async def test_an_order_never_trades_with_its_owner() -> None:
    async with sandbox(THIN, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        resting = await client.post(ORDER, **SELL, type="LIMIT", timeInForce="GTC", price="50100")
        taker = {**SELL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50200"}
        placed = await client.post(ORDER, **taker)
        assert placed.body["status"] == "PARTIALLY_FILLED"
        looked = await client.get(ORDER, symbol="BTCUSDT", orderId=resting.body["orderId"])
        assert looked.body["status"] == "EXPIRED_IN_MATCH"
        path = "/sapi/v1/margin/myPreventedMatches"
        (row,) = (await client.get(path, symbol="BTCUSDT", orderId=placed.body["orderId"])).body
        assert (row["makerOrderId"], row["price"], row["makerPreventedQuantity"]) == (
            resting.body["orderId"],
            "50100.00000000",
            "0.06000000",
        )
        assert (await client.get(path, symbol="BTCUSDT")).body["code"] == -1102
