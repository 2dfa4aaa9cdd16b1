"""The shape of JSON answers, and a sandbox with a row in every history to ask for them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from monitor.sandbox.scenario.scenario import (
    AccountSpec,
    ApiInterpretations,
    PairSpec,
    RequestLimits,
    Scenario,
    initial_balance,
)
from tests.support.sandbox import sandbox
from tests.support.sandbox_client import ClientAnswer, SignedClient

D = Decimal

SCENARIO = Scenario(
    start=datetime(2026, 3, 1, 13, 5, tzinfo=UTC),
    accounts=(
        AccountSpec(
            spot={"USDT": D(5000)},
            funding={"USDT": D(70)},
            cross={
                "BTC": initial_balance("1"),
                "USDT": initial_balance("1000", borrowed="20000"),
                "ETH": initial_balance(borrowed="0.001", interest="0.00083334"),
                "XRP": initial_balance(borrowed="1"),
                "ADA": initial_balance("6.21"),
                "DOGE": initial_balance("30"),
            },
            isolated={"SOLUSDT": PairSpec(base=initial_balance("10"), quote=initial_balance("5", borrowed="500"))},
        ),
    ),
    prices={"BTCUSDT": D(60_000), "SOLUSDT": D(200)},
    delistings=((datetime(2026, 4, 1, tzinfo=UTC), ("ADA",), ("ADAUSDT",)),),
    listings=((datetime(2026, 5, 1, tzinfo=UTC), ("BTC",), ("ADAUSDT",)),),
    restricted_long=("ADA",),
    collateral_full=("XRP",),
    limit_price_pairs=("ADAUSDT",),
    limits=RequestLimits(loan_delay_s=0),
    readings=ApiInterpretations(loan_pending_s=1),
)

# Documented, and absent here for a reason: gone from the newer model, only sometimes there, or of the other kind.
OPTIONAL = {
    "totalOpenOrderLossInUSDT", "delistTime", "note", "isolatedSymbol", "rawAsset", "fromSymbol",
    "toSymbol", "maxUsdValue", "marginBuyBorrowAmount", "marginBuyBorrowAsset",
}  # fmt: skip


async def answer_after_an_hour(ask: Callable[[SignedClient], Awaitable[ClientAnswer]]) -> ClientAnswer:
    """The answer of a sandbox in which something happened an hour ago."""
    async with sandbox(SCENARIO, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        await populate_histories(client)
        running.sandbox.user_actions.advance(3600)
        return await ask(client)


def json_shape(value: Any) -> Any:
    """The shape of a JSON value: keys and types, lists by their first item."""
    if isinstance(value, dict):
        return {name: json_shape(one) for name, one in sorted(value.items()) if name not in OPTIONAL}
    if isinstance(value, list):
        return [json_shape(value[0])] if value else []
    return type(value).__name__


async def populate_histories(client: SignedClient) -> None:
    """Leave a row in every history."""
    await client.post("/sapi/v1/margin/borrow-repay", asset="USDT", isIsolated="FALSE", amount="5", type="REPAY")
    await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="5")
    order = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01"}
    await client.post("/sapi/v1/margin/order", **order, type="MARKET")
    await client.post("/sapi/v1/margin/order", **order, type="LIMIT", timeInForce="GTC", price="90000")
    await client.post("/sapi/v1/margin/order/oco", **order, price="90000", stopPrice="30000", listClientOrderId="pair")
    await client.post("/sapi/v1/margin/exchange-small-liability", assetNames="XRP")
    await client.post("/sapi/v1/asset/dust", asset="DOGE", accountType="MARGIN")
