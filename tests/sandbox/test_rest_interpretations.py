"""Where the documents leave a fact open, the sandbox plays either reading: REST's, side by side."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from monitor.sandbox.scenario.scenario import (
    AccountSpec,
    ApiInterpretations,
    PairSpec,
    RequestLimits,
    Scenario,
    initial_balance,
)
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient

D = Decimal
MOMENT = datetime(2026, 3, 1, 13, 5, tzinfo=UTC)
NOW_S = int(MOMENT.timestamp())

SCENARIO = Scenario(
    start=MOMENT,
    accounts=(
        AccountSpec(
            spot={"USDT": D(5000)},
            cross={
                "BTC": initial_balance("1"),
                "BNB": initial_balance("3"),
                "USDT": initial_balance("1000", borrowed="20000"),
            },
            isolated={"SOLUSDT": PairSpec(base=initial_balance("10"), quote=initial_balance("5", borrowed="500"))},
        ),
    ),
    prices={"BTCUSDT": D(60_000), "SOLUSDT": D(200), "BNBUSDT": D(1000)},
    limits=RequestLimits(loan_delay_s=0),
)
REPAY = {"asset": "USDT", "isIsolated": "FALSE", "amount": "5", "type": "REPAY"}
MOVE = {"type": "MAIN_MARGIN", "asset": "USDT", "amount": "5"}

Probe = Callable[[SignedClient, RunningSandbox], Awaitable[object]]


async def _loan_weight(client: SignedClient, _running: RunningSandbox) -> object:
    headers = (await client.get("/sapi/v1/margin/maxBorrowable", asset="USDT")).headers
    return {name: value for name, value in headers.items() if name.startswith("X-SAPI")}


async def _transfer_weight(client: SignedClient, _running: RunningSandbox) -> object:
    return (await client.post("/sapi/v1/asset/transfer", **MOVE)).headers["X-SAPI-USED-UID-WEIGHT-1M"]


async def _zero(client: SignedClient, _running: RunningSandbox) -> object:
    rows = (await client.get("/sapi/v1/margin/account")).body["userAssets"]
    return next(row["free"] for row in rows if row["asset"] == "ADA")


async def _total_key(client: SignedClient, _running: RunningSandbox) -> object:
    return [name for name in (await client.get("/sapi/v1/margin/account")).body if "ollateralValue" in name]


async def _transfer_in_history(client: SignedClient, _running: RunningSandbox) -> dict[str, Any]:
    number = (await client.post("/sapi/v1/asset/transfer", **MOVE)).body["tranId"]
    (row,) = (await client.get("/sapi/v1/margin/transfer")).body["rows"]
    return {"timestamp": row["timestamp"], "same": row["txId"] == number}


async def _transfer_time_in_history(client: SignedClient, running: RunningSandbox) -> object:
    return (await _transfer_in_history(client, running))["timestamp"]


async def _transfer_type_in_history(client: SignedClient, running: RunningSandbox) -> object:
    return (await _transfer_in_history(client, running))["same"]


async def _flow(client: SignedClient, _running: RunningSandbox) -> object:
    await client.post("/sapi/v1/margin/borrow-repay", **REPAY)
    return (await client.get("/sapi/v1/margin/capital-flow")).body[-1]["amount"]


async def _refused_key(client: SignedClient, _running: RunningSandbox) -> object:
    answer = await client.raw("GET", "/sapi/v1/margin/allPairs", "", key="a" * 64)
    return answer.status, answer.body["code"]


async def _history(client: SignedClient, running: RunningSandbox) -> object:
    await client.post("/sapi/v1/margin/borrow-repay", **REPAY)
    shown = []
    for _ in range(3):
        rows = (await client.get("/sapi/v1/margin/borrow-repay", type="REPAY")).body["rows"]
        shown.append([row["status"] for row in rows])
        running.sandbox.user_actions.advance(5)
    return shown


async def _nothing_moved(client: SignedClient, _running: RunningSandbox) -> object:
    return (await client.get("/sapi/v1/asset/transfer", type="MAIN_MARGIN")).body


async def _borrowing_sale(client: SignedClient, _running: RunningSandbox) -> object:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    answer = await client.post("/sapi/v1/margin/order", **order, sideEffectType="AUTO_BORROW_REPAY")
    return answer.body.get("code", answer.body.get("status"))


async def _bnb_owed(client: SignedClient, running: RunningSandbox) -> object:
    await client.post("/sapi/v1/bnbBurn", interestBNBBurn="true")
    running.sandbox.user_actions.charge_interest()
    rows = (await client.get("/sapi/v1/margin/account")).body["userAssets"]
    return next(Decimal(row["interest"]) > 0 for row in rows if row["asset"] == "BNB")


PAIRS: list[tuple[Probe, ApiInterpretations, object, ApiInterpretations, object]] = [
    (
        _loan_weight,
        ApiInterpretations(),
        {"X-SAPI-USED-UID-WEIGHT-1M": "750"},
        ApiInterpretations(max_borrowable_weight="50 IP"),
        {"X-SAPI-USED-IP-WEIGHT-1M": "50"},
    ),
    (_transfer_weight, ApiInterpretations(), "300", ApiInterpretations(transfer_weight=900), "900"),
    (_zero, ApiInterpretations(), "0.00000000", ApiInterpretations(zero_style="plain"), "0"),
    (
        _total_key,
        ApiInterpretations(),
        ["TotalCollateralValueInUSDT"],
        ApiInterpretations(collateral_key="totalCollateralValueInUSDT"),
        ["totalCollateralValueInUSDT"],
    ),
    (
        _transfer_time_in_history,
        ApiInterpretations(),
        NOW_S * 1000,
        ApiInterpretations(margin_transfer_times="s"),
        NOW_S,
    ),
    (_transfer_type_in_history, ApiInterpretations(), True, ApiInterpretations(transfer_txid_is_tranid=False), False),
    (_flow, ApiInterpretations(), "5", ApiInterpretations(capital_flow_signed=True), "-5"),
    (_refused_key, ApiInterpretations(), (401, -2015), ApiInterpretations(key_refused_status=400), (400, -2015)),
    (
        _history,
        ApiInterpretations(),
        [["CONFIRMED"]] * 3,
        ApiInterpretations(history_lag_s=5, loan_pending_s=10),
        [[], ["PENDING"], ["CONFIRMED"]],
    ),
    (
        _nothing_moved,
        ApiInterpretations(),
        {"rows": [], "total": 0},
        ApiInterpretations(empty_transfer_history="no rows"),
        {"total": 0},
    ),
    (_borrowing_sale, ApiInterpretations(), -1130, ApiInterpretations(auto_borrow_repay=True), "FILLED"),
    (_bnb_owed, ApiInterpretations(), True, ApiInterpretations(bnb_interest="paid"), False),
]


@pytest.mark.parametrize(
    ("look", "readings", "shown"),
    [
        pytest.param(look, readings, shown, id=f"{look.__name__}-{number}")
        for look, *rest in PAIRS
        for number, (readings, shown) in enumerate(((rest[0], rest[1]), (rest[2], rest[3])))
    ],
)
async def test_either_interpretation_is_simulated(look: Probe, readings: ApiInterpretations, shown: object) -> None:
    async with sandbox(replace(SCENARIO, readings=readings), frozen=True) as running:
        client = SignedClient(running.sandbox, running.ready)
        async with client:
            assert await look(client, running) == shown
