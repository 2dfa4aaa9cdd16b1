"""Answers have exactly the documented fields and types."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.scenario.scenario import AccountSpec, PairSpec, initial_balance
from tests.sandbox.json_shapes import SCENARIO, answer_after_an_hour, json_shape
from tests.support.examples.payloads import example_answers
from tests.support.sandbox import sandbox
from tests.support.sandbox_client import SignedClient

D = Decimal

SIGNED: list[tuple[str, dict[str, str]]] = [
    ("/sapi/v1/bnbBurn", {}),
    ("/sapi/v1/margin/tradeCoeff", {}),
    ("/sapi/v1/margin/capital-flow", {}),
    ("/sapi/v1/margin/account", {}),
    ("/sapi/v1/margin/crossMarginData", {"coin": "BTC"}),
    ("/sapi/v1/margin/isolated/accountLimit", {}),
    ("/sapi/v1/margin/isolated/account", {}),
    ("/sapi/v1/margin/isolatedMarginData", {"symbol": "BTCUSDT"}),
    ("/sapi/v1/margin/next-hourly-interest-rate", {"assets": "BTC", "isIsolated": "FALSE"}),
    ("/sapi/v1/margin/interestHistory", {}),
    ("/sapi/v1/margin/interestHistory", {"isolatedSymbol": "SOLUSDT"}),
    ("/sapi/v1/margin/borrow-repay", {"type": "REPAY"}),
    ("/sapi/v1/margin/interestRateHistory", {"asset": "BTC"}),
    ("/sapi/v1/margin/maxBorrowable", {"asset": "USDT"}),
    ("/sapi/v1/margin/maxTransferable", {"asset": "USDT"}),
    ("/sapi/v1/margin/isolatedMarginTier", {"symbol": "BTCUSDT"}),
    ("/sapi/v1/margin/available-inventory", {"type": "MARGIN"}),
    ("/sapi/v1/margin/transfer", {}),
    ("/sapi/v1/margin/openOrders", {}),
    ("/sapi/v1/margin/myTrades", {"symbol": "BTCUSDT"}),
    ("/sapi/v1/margin/allOrders", {"symbol": "BTCUSDT"}),
    ("/sapi/v1/margin/rateLimit/order", {}),
    ("/sapi/v1/margin/exchange-small-liability", {}),
    ("/sapi/v1/margin/exchange-small-liability-history", {"current": "1", "size": "10"}),
    ("/sapi/v1/margin/allOrderList", {}),
    ("/sapi/v1/margin/openOrderList", {}),
    ("/sapi/v1/margin/orderList", {"origClientOrderId": "pair"}),
]
KEYED: list[tuple[str, dict[str, str]]] = [
    ("/sapi/v1/margin/crossMarginCollateralRatio", {}),
    ("/sapi/v1/margin/allPairs", {"symbol": "BTCUSDT"}),
    ("/sapi/v1/margin/isolated/allPairs", {"symbol": "BTCUSDT"}),
    ("/sapi/v1/margin/allAssets", {"asset": "BTC"}),
    ("/sapi/v1/margin/delist-schedule", {}),
    ("/sapi/v1/margin/list-schedule", {}),
    ("/sapi/v1/margin/limit-price-pairs", {}),
    ("/sapi/v1/margin/risk-based-liquidation-ratio", {}),
    ("/sapi/v1/margin/restricted-asset", {}),
    ("/sapi/v1/margin/priceIndex", {"symbol": "BTCUSDT"}),
]


def _documented(endpoint: str) -> Any:
    """The shape of the endpoint's answer."""
    return json_shape(example_answers()[endpoint])


@pytest.mark.parametrize(("path", "params"), SIGNED, ids=[path for path, _ in SIGNED])
async def test_signed_reads(path: str, params: dict[str, str]) -> None:
    answer = await answer_after_an_hour(lambda client: client.get(path, **params))
    expected = _documented(f"GET {path}")
    if path.endswith("capital-flow"):
        # Only rows of isolated pairs have it.
        del expected[0]["symbol"]
    if path.endswith("available-inventory"):
        expected["assets"] = json_shape(answer.body)["assets"]
    assert json_shape(answer.body) == expected


@pytest.mark.parametrize(("path", "params"), KEYED, ids=[path for path, _ in KEYED])
async def test_keyed_reads(path: str, params: dict[str, str]) -> None:
    answer = await answer_after_an_hour(lambda client: client.keyed("GET", path, **params))
    assert json_shape(answer.body) == _documented(f"GET {path}")


CHAIN = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "50000",
    "workingQuantity": "0.001", "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "0.001",
}  # fmt: skip
PENDING = {"pendingType": "LIMIT", "pendingPrice": "90000", "pendingTimeInForce": "GTC"}
PAIR = {
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "90000", "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "30000",
}  # fmt: skip


async def test_order_lists() -> None:
    oco = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "price": "90000", "stopPrice": "30000"}
    async with sandbox(SCENARIO, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        pair = await client.post("/sapi/v1/margin/order/oco", **oco)
        cancelled = await client.signed(
            "DELETE", "/sapi/v1/margin/orderList", symbol="BTCUSDT", orderListId=pair.body["orderListId"]
        )
        chain = await client.post("/sapi/v1/margin/order/oto", **CHAIN, **PENDING)
        chain_pair = await client.post("/sapi/v1/margin/order/otoco", **CHAIN, **PAIR)
        alone = {**oco, "type": "LIMIT", "timeInForce": "GTC"}
        del alone["stopPrice"]
        await client.post("/sapi/v1/margin/order", **alone)
        every = await client.signed("DELETE", "/sapi/v1/margin/openOrders", symbol="BTCUSDT")
    assert json_shape(pair.body) == _documented("POST /sapi/v1/margin/order/oco")
    assert json_shape(cancelled.body) == _documented("DELETE /sapi/v1/margin/orderList")
    assert json_shape(chain.body) == _documented("POST /sapi/v1/margin/order/oto")
    assert json_shape(chain_pair.body) == _documented("POST /sapi/v1/margin/order/otoco")
    # Orders and lists of orders stand in one answer.
    fields = {"orderReports" in row: row.keys() for row in every.body}
    documented = example_answers()["DELETE /sapi/v1/margin/openOrders"]
    assert fields == {"orderReports" in row: row.keys() for row in documented}
    assert len(fields) == 2


async def test_settings() -> None:
    scenario = replace(SCENARIO, accounts=(AccountSpec(isolated={"SOLUSDT": PairSpec()}),))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        leverage = await client.post("/sapi/v1/margin/max-leverage", maxLeverage="5")
        disabled = await client.signed("DELETE", "/sapi/v1/margin/isolated/account", symbol="SOLUSDT")
    assert json_shape(leverage.body) == _documented("POST /sapi/v1/margin/max-leverage")
    assert json_shape(disabled.body) == _documented("DELETE /sapi/v1/margin/isolated/account")


async def test_a_prevented_match() -> None:
    scenario = replace(SCENARIO, depth={"BTCUSDT": D("0.004")})
    order = {"symbol": "BTCUSDT", "quantity": "0.01", "type": "LIMIT", "timeInForce": "GTC"}
    path = "/sapi/v1/margin/order"
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        await client.post(path, **order, side="SELL", price="60100")
        taker = await client.post(path, **order, side="BUY", price="60200", sideEffectType="MARGIN_BUY")
        path = "/sapi/v1/margin/myPreventedMatches"
        answer = await client.get(path, symbol="BTCUSDT", orderId=taker.body["orderId"])
    assert json_shape(answer.body) == _documented("GET /sapi/v1/margin/myPreventedMatches")


async def test_writes() -> None:
    async with sandbox(SCENARIO, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        loan = await client.post(
            "/sapi/v1/margin/borrow-repay", asset="USDT", isIsolated="FALSE", amount="5", type="REPAY"
        )
        order = await client.post(
            "/sapi/v1/margin/order", symbol="BTCUSDT", side="SELL", quantity="0.01", type="MARKET"
        )
        resting = await client.post(
            "/sapi/v1/margin/order",
            symbol="BTCUSDT",
            side="SELL",
            quantity="0.01",
            type="LIMIT",
            price="90000",
            timeInForce="GTC",
        )
        one = await client.get("/sapi/v1/margin/order", symbol="BTCUSDT", orderId=resting.body["orderId"])
        cancelled = await client.signed(
            "DELETE", "/sapi/v1/margin/order", symbol="BTCUSDT", orderId=resting.body["orderId"]
        )
        key = await client.keyed("POST", "/sapi/v1/margin/listen-key")
    assert json_shape(loan.body) == _documented("POST /sapi/v1/margin/borrow-repay")
    assert json_shape(order.body) == _documented("POST /sapi/v1/margin/order")
    assert json_shape(one.body) == _documented("GET /sapi/v1/margin/order")
    assert json_shape(cancelled.body) == _documented("DELETE /sapi/v1/margin/order")
    assert json_shape(key.body) == _documented("POST /sapi/v1/margin/listen-key")


async def test_liquidation_answers_have_the_documented_shape() -> None:
    scenario = replace(
        SCENARIO,
        accounts=(AccountSpec(cross={"BTC": initial_balance("1"), "USDT": initial_balance(borrowed="20000")}),),
    )
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        running.sandbox.user_actions.set_price("BTCUSDT", D(19_000))
        records = await client.get("/sapi/v1/margin/forceLiquidationRec")
        loan = await client.get("/sapi/v1/margin/liquidation-loan")
        running.sandbox.user_actions.deposit("main", "USDC", D(100))
        repaid = await client.post("/sapi/v1/margin/liquidation-loan/repay", asset="USDC", amount="100")
        history = await client.get("/sapi/v1/margin/liquidation-loan/repay-history")
    assert json_shape(records.body) == _documented("GET /sapi/v1/margin/forceLiquidationRec")
    assert json_shape(loan.body) == _documented("GET /sapi/v1/margin/liquidation-loan")
    assert json_shape(repaid.body) == _documented("POST /sapi/v1/margin/liquidation-loan/repay")
    assert json_shape(history.body) == _documented("GET /sapi/v1/margin/liquidation-loan/repay-history")


async def test_manual_liquidation() -> None:
    async with sandbox(SCENARIO, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        answer = await client.post("/sapi/v1/margin/manual-liquidation", type="MARGIN")
    assert json_shape(answer.body) == _documented("POST /sapi/v1/margin/manual-liquidation")


def test_every_example_is_compared() -> None:
    asked = {f"GET {path}" for path, _ in [*SIGNED, *KEYED]}
    source = Path(__file__).read_text(encoding="utf-8")
    named = {endpoint for endpoint in example_answers() if f'"{endpoint}"' in source}
    assert example_answers().keys() == asked | named
