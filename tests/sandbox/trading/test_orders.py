"""Orders by hand-worked figures."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from monitor.sandbox.scenario.scenario import AccountSpec, RequestLimits, Scenario, initial_balance
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient

D = Decimal
PATH = "/sapi/v1/margin/order"

SCENARIO = Scenario(
    accounts=(AccountSpec(cross={"BTC": initial_balance("1"), "USDT": initial_balance("1000", borrowed="20000")}),),
    prices={"BTCUSDT": D(50_000)},
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


async def _balance(client: SignedClient, asset: str) -> dict[str, str]:
    rows = (await client.get("/sapi/v1/margin/account")).body["userAssets"]
    return next(row for row in rows if row["asset"] == asset)


async def test_a_market_sale_repays_the_debt_with_its_proceeds(client: SignedClient, running: RunningSandbox) -> None:
    answer = await client.post(
        PATH, symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.1", sideEffectType="AUTO_REPAY"
    )
    assert (answer.body["status"], answer.body["cummulativeQuoteQty"]) == ("FILLED", "5000")
    assert answer.body["fills"][0]["commission"] == "5"
    usdt = await _balance(client, "USDT")
    # 5,000 less 0.1 % commission went into the debt.
    assert (usdt["borrowed"], usdt["free"]) == ("15005.00000000", "1000.00000000")
    (record,) = (await client.get("/sapi/v1/margin/borrow-repay", type="REPAY")).body["rows"]
    assert record["type"] == "AUTO"
    (trade,) = (await client.get("/sapi/v1/margin/myTrades", symbol="BTCUSDT", fromId="0")).body
    assert (trade["qty"], trade["isBuyer"]) == ("0.10000000", False)
    assert running.sandbox.state_dump["imbalance"] == {}


async def test_a_resting_order_locks_and_a_cancel_frees(client: SignedClient) -> None:
    placed = await client.post(
        PATH,
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.4",
        price="60000",
        newClientOrderId="mine",
    )
    assert placed.body["status"] == "NEW"
    assert (await _balance(client, "BTC"))["locked"] == "0.40000000"
    assert [row["clientOrderId"] for row in (await client.get("/sapi/v1/margin/openOrders")).body] == ["mine"]
    twice = await client.post(
        PATH,
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.1",
        price="60000",
        newClientOrderId="mine",
    )
    assert twice.body == {"code": -2010, "msg": "Duplicate order sent."}
    cancelled = await client.signed("DELETE", PATH, symbol="BTCUSDT", origClientOrderId="mine")
    assert cancelled.body["orderId"] == str(placed.body["orderId"])
    assert (await _balance(client, "BTC"))["locked"] == "0.00000000"
    again = await client.signed("DELETE", PATH, symbol="BTCUSDT", origClientOrderId="mine")
    assert again.body["code"] == -2011


async def test_a_halted_symbol_takes_no_order_until_it_trades_again(
    client: SignedClient, running: RunningSandbox
) -> None:
    running.sandbox.user_actions.set_status("BTCUSDT", "HALT")
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.1"}
    refused = await client.post(PATH, **order)
    assert (refused.status, refused.body) == (400, {"code": -2010, "msg": "Market is closed."})
    running.sandbox.user_actions.set_status("BTCUSDT", "TRADING")
    assert (await client.post(PATH, **order)).body["status"] == "FILLED"


async def test_a_resting_order_fills_when_the_price_comes(client: SignedClient, running: RunningSandbox) -> None:
    await client.post(
        PATH, symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.02", price="45000"
    )
    running.sandbox.user_actions.set_price("BTCUSDT", D("44999"))
    assert (await client.get("/sapi/v1/margin/openOrders")).body == []
    assert (await _balance(client, "BTC"))["free"] == "1.01998000"
    assert (await _balance(client, "USDT"))["free"] == "100.00000000"


async def test_only_margin_buy_borrows_the_missing_amount(client: SignedClient) -> None:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert (await client.post(PATH, **params)).body["code"] == -2010
    bought = await client.post(PATH, **params, sideEffectType="MARGIN_BUY")
    assert (bought.body["marginBuyBorrowAmount"], bought.body["marginBuyBorrowAsset"]) == (4000, "USDT")
    assert bought.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "1506"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"quantity": "0.000001"}, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00001"}, "Filter failure: NOTIONAL"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "0.001"}, "Filter failure: PRICE_FILTER"),
    ],
)
async def test_filters_are_kept(client: SignedClient, changed: dict[str, str], message: str) -> None:
    params = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.1"} | changed
    assert (await client.post(PATH, **params)).body == {"code": -1013, "msg": message}
