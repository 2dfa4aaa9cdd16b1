"""Endpoints beside the daily ones: dust, small debts, wallets, caps, retired paths, and both readings of each."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

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
SMALL = "/sapi/v1/margin/exchange-small-liability"

SCENARIO = Scenario(
    start=datetime(2026, 3, 1, 13, 5, tzinfo=UTC),
    accounts=(
        AccountSpec(
            spot={"USDT": D(6000), "ADA": D(10)},
            funding={"USDT": D(600)},
            cross={
                "BTC": initial_balance("1"),
                "USDT": initial_balance("0", borrowed="20000"),
                "XRP": initial_balance(borrowed="2", interest="0.4"),
                "ETH": initial_balance(borrowed="1"),
                "ADA": initial_balance("10"),
                "DOGE": initial_balance("40"),
                "SOL": initial_balance("5"),
            },
            isolated={"SOLUSDT": PairSpec(quote=initial_balance("300")), "BTCUSDT": PairSpec()},
        ),
    ),
    prices={
        "BTCUSDT": D(60_000), "ETHUSDT": D(3000), "XRPUSDT": D("2.5"), "ADAUSDT": D("0.8"), "DOGEUSDT": D("0.2"),
        "BNBUSDT": D(1000), "SOLUSDT": D(200),
    },
    limits=RequestLimits(loan_delay_s=0),
)  # fmt: skip


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with sandbox(SCENARIO, frozen=True) as one:
        yield one


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[SignedClient]:
    async with SignedClient(running.sandbox, running.ready) as one:
        yield one


async def _row(client: SignedClient, asset: str) -> dict[str, str]:
    rows = (await client.get("/sapi/v1/margin/account")).body["userAssets"]
    return next(row for row in rows if row["asset"] == asset)


async def test_dust_becomes_bnb_less_two_percent(client: SignedClient, running: RunningSandbox) -> None:
    listed = (await client.post("/sapi/v1/asset/dust-btc", accountType="MARGIN")).body
    # 8 USDT of ADA and 8 of DOGE at 1,000 a BNB; 5 SOL are too much for dust, debts are none.
    assert [row["asset"] for row in listed["details"]] == ["ADA", "DOGE"]
    assert (listed["details"][0]["toBNB"], listed["details"][0]["toBNBOffExchange"]) == ("0.008", "0.00784")
    stamp = running.sandbox.timeline.now_ms()
    repeated = await _repeated(client, f"asset=ADA&asset=DOGE&accountType=MARGIN&timestamp={stamp}")
    assert (repeated["totalTransfered"], repeated["totalServiceCharge"]) == ("0.016", "0.00032")
    assert ((await _row(client, "BNB"))["free"], (await _row(client, "ADA"))["free"]) == ("0.01568000", "0.00000000")
    log = (await client.get("/sapi/v1/asset/dribblet", accountType="MARGIN")).body
    (batch,) = log["userAssetDribblets"]
    assert (batch["totalTransferedAmount"], len(batch["userAssetDribbletDetails"])) == ("0.01568", 2)
    assert (await client.get("/sapi/v1/asset/dribblet")).body["total"] == 0
    flow = (await client.get("/sapi/v1/margin/capital-flow", type="SMALL_BALANCE_CONVERT")).body
    assert [row["asset"] for row in flow] == ["ADA", "BNB", "DOGE", "BNB"]
    assert running.sandbox.state_dump["imbalance"] == {}


async def _repeated(client: SignedClient, query: str) -> dict[str, str]:
    signature = hmac.new(client.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    body: dict[str, str] = (await client.raw("POST", "/sapi/v1/asset/dust", f"{query}&signature={signature}")).body
    return body


async def test_dust_is_refused_with_its_codes(client: SignedClient, running: RunningSandbox) -> None:
    path, margin = "/sapi/v1/asset/dust", {"accountType": "MARGIN"}
    assert (await client.post(path, asset="SOL", **margin)).body["code"] == -5004
    assert (await client.post(path, asset="LTC", **margin)).body["code"] == -5003
    assert (await client.post(path, **margin)).body["code"] == -1102
    assert (await client.post(path, asset="ADA", **margin)).status == 200
    assert (await client.post(path, asset="DOGE", **margin)).body["code"] == -5006
    assert (await client.post(path, asset="ADA")).status == 200
    running.sandbox.user_actions.advance(24 * 3600)
    assert (await client.post(path, asset="DOGE", **margin)).status == 200


async def test_dust_converts_into_any_asset_and_a_client_id_works_once(client: SignedClient) -> None:
    path = "/sapi/v1/asset/dust-convert"
    asked = {"targetAsset": "USDT", "accountType": "MARGIN"}
    listed = (await client.post(f"{path}/query-convertible-assets", **asked)).body
    assert listed["totalTransferTargetAssetAmount"] == "16"
    made = await client.post(f"{path}/convert", asset="ADA", clientId="one", **asked)
    assert made.body["transferResult"][0]["serviceChargeAmount"] == "0.16"
    assert (await client.post(f"{path}/convert", asset="DOGE", clientId="one", **asked)).body["code"] == -4001


@pytest.mark.parametrize(("body", "answer"), [("empty", ""), ("object", {})])
async def test_small_debts_become_one_in_usdt(body: Literal["empty", "object"], answer: object) -> None:
    scenario = replace(SCENARIO, readings=ApiInterpretations(small_liability_body=body))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        (row,) = (await client.get(SMALL)).body
        assert row == {
            "asset": "XRP", "interest": "0.4", "principal": "2", "liabilityAsset": "USDT", "liabilityQty": 6,
        }  # fmt: skip
        assert (await client.post(SMALL, assetNames="ETH")).body["code"] == -3027
        assert (await client.post(SMALL, assetNames="XRP")).body == answer
        assert (await client.get(SMALL)).body == []
        assert ((await _row(client, "USDT"))["borrowed"], (await _row(client, "XRP"))["borrowed"]) == (
            "20006.00000000",
            "0.00000000",
        )
        assert (await client.post(SMALL, assetNames="XRP")).body["code"] == -3026
        assert (await client.get(f"{SMALL}-history")).body["code"] == -1102
        (record,) = (await client.get(f"{SMALL}-history", current="1", size="10")).body["rows"]
        assert (record["amount"], record["targetAmount"]) == ("2.40000000", "6.00000000")
        assert running.sandbox.state_dump["imbalance"] == {}


async def test_manual_liquidation_repays_everything(client: SignedClient, running: RunningSandbox) -> None:
    answer = await client.post("/sapi/v1/margin/manual-liquidation", type="MARGIN")
    assert answer.body["asset"] == "USDT"
    account = (await client.get("/sapi/v1/margin/account")).body
    assert (account["marginLevel"], account["totalLiabilityOfBtc"]) == ("999.00000000", "0.00000000")
    assert (await client.get("/sapi/v1/margin/forceLiquidationRec")).body["total"] > 0
    assert (await client.post("/sapi/v1/margin/manual-liquidation", type="MARGIN")).body["code"] == -3010
    assert (await client.post("/sapi/v1/margin/manual-liquidation", type="ISOLATED")).body["code"] == -1102
    assert running.sandbox.state_dump["imbalance"] == {}


@pytest.mark.parametrize(("allowed", "code"), [(False, -3999), (True, -3010)])
async def test_pair_is_liquidated_manually_where_the_region_allows(allowed: bool, code: int) -> None:
    scenario = replace(SCENARIO, readings=ApiInterpretations(isolated_manual_liquidation=allowed))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        answer = await client.post("/sapi/v1/margin/manual-liquidation", type="ISOLATED", symbol="SOLUSDT")
        assert answer.body["code"] == code


async def test_the_wallet_overview_adds_up_in_the_asset_asked_for(client: SignedClient) -> None:
    rows = (await client.get("/sapi/v1/asset/wallet/balance", quoteAsset="USDT")).body
    worth = {row["walletName"]: row["balance"] for row in rows}
    # Cross: 60,000 + 8 + 8 + 1,000 held, 20,000 + 6 + 3,000 owed.
    assert worth["Spot"] == "6008"
    assert (worth["Funding"], worth["Cross Margin"], worth["Isolated Margin"]) == ("600", "38010", "300")
    in_btc = (await client.get("/sapi/v1/asset/wallet/balance")).body
    assert next(row["balance"] for row in in_btc if row["walletName"] == "Funding") == "0.01"
    assert (await client.get("/sapi/v1/asset/wallet/balance", quoteAsset="NOPE")).body["code"] == -1130


async def test_calls_are_capped_beside_their_weight(client: SignedClient, running: RunningSandbox) -> None:
    leverage = "/sapi/v1/margin/max-leverage"
    assert (await client.post(leverage, maxLeverage="5")).status == 200
    again = await client.post(leverage, maxLeverage="3")
    assert (again.status, again.body["code"], again.headers["Retry-After"]) == (429, -1003, "60")
    answers = [await client.get("/sapi/v1/margin/allOrders", symbol="BTCUSDT") for _ in range(60)]
    assert {answer.status for answer in answers} == {200}
    assert (await client.get("/sapi/v1/margin/allOrders", symbol="BTCUSDT")).status == 429
    running.sandbox.user_actions.advance(60)
    assert (await client.post(leverage, maxLeverage="3")).status == 200
    assert (await client.post(leverage, maxLeverage="10")).status in (400, 429)


async def test_a_pair_is_disabled_once_in_24_hours(client: SignedClient, running: RunningSandbox) -> None:
    path, symbol = "/sapi/v1/margin/isolated/account", "BTCUSDT"
    assert (await client.signed("DELETE", path, symbol="SOLUSDT")).body["code"] == -3004
    assert (await client.signed("DELETE", path, symbol=symbol)).body == {"success": True, "symbol": symbol}
    assert (await client.get("/sapi/v1/margin/isolated/accountLimit")).body == {"enabledAccount": 1, "maxAccount": 20}
    assert (await client.post(path, symbol=symbol)).status == 200
    assert (await client.signed("DELETE", path, symbol=symbol)).body["code"] == -3026
    running.sandbox.user_actions.advance(24 * 3600)
    assert (await client.signed("DELETE", path, symbol=symbol)).status == 200
    assert (await client.post(path, symbol="ETHUSDT")).body["code"] == -11001


async def test_burning_bnb_is_switched_for_fees_and_interest_apart(client: SignedClient) -> None:
    path = "/sapi/v1/bnbBurn"
    assert (await client.post(path)).body["code"] == -1102
    assert (await client.post(path, spotBNBBurn="true")).body == {"spotBNBBurn": True, "interestBNBBurn": False}
    assert (await client.post(path, interestBNBBurn="true")).body == {"spotBNBBurn": True, "interestBNBBurn": True}
    assert (await client.get(path)).body == {"spotBNBBurn": True, "interestBNBBurn": True}


async def test_orders_are_counted_by_ten_seconds_and_by_day(client: SignedClient, running: RunningSandbox) -> None:
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.001"}
    await client.post("/sapi/v1/margin/order", **order)
    running.sandbox.user_actions.advance(10)
    await client.post("/sapi/v1/margin/order", **order)
    rows = (await client.get("/sapi/v1/margin/rateLimit/order")).body
    assert [(row["interval"], row["count"]) for row in rows] == [("SECOND", 1), ("DAY", 2)]


@pytest.mark.parametrize(("unit", "shown"), [("s", 1_775_001_600), ("ms", 1_775_001_600_000)])
async def test_transfer_out_of_margin_has_a_time(unit: Literal["s", "ms"], shown: int) -> None:
    delistings = ((datetime(2026, 4, 1, tzinfo=UTC), ("ADA",), ("ADAUSDT",)),)
    scenario = replace(SCENARIO, delistings=delistings, readings=ApiInterpretations(delist_time_unit=unit))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        (asset,) = (await client.keyed("GET", "/sapi/v1/margin/allAssets", asset="ADA")).body
        (pair,) = (await client.keyed("GET", "/sapi/v1/margin/allPairs", symbol="ADAUSDT")).body
        (other,) = (await client.keyed("GET", "/sapi/v1/margin/allAssets", asset="BTC")).body
        assert (asset["delistTime"], pair["delistTime"], "delistTime" in other) == (shown, shown, False)


@pytest.mark.parametrize(("reading", "used"), [("10 IP", "10"), ("symbols", "406")])
async def test_open_orders_without_a_symbol_weigh_as_each_interpretation_says(
    reading: Literal["10 IP", "symbols"], used: str
) -> None:
    scenario = replace(SCENARIO, readings=ApiInterpretations(open_orders_weight=reading))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        answer = await client.get("/sapi/v1/margin/openOrders")
        assert answer.headers["X-SAPI-USED-IP-WEIGHT-1M"] == used


RETIRED = [
    ("GET", "/sapi/v1/margin/asset"), ("GET", "/sapi/v1/margin/pair"), ("GET", "/sapi/v1/margin/isolated/pair"),
    ("POST", "/sapi/v1/margin/loan"), ("GET", "/sapi/v1/margin/loan"), ("POST", "/sapi/v1/margin/repay"),
    ("GET", "/sapi/v1/margin/repay"), ("POST", "/sapi/v1/margin/transfer"),
    ("POST", "/sapi/v1/margin/isolated/transfer"), ("GET", "/sapi/v1/margin/isolated/transfer"),
    ("GET", "/sapi/v1/margin/dust"), ("POST", "/sapi/v1/margin/dust"), ("GET", "/sapi/v1/margin/dribblet"),
    ("GET", "/sapi/v1/margin/leverageBracket"), ("POST", "/sapi/v1/userDataStream"),
    ("PUT", "/sapi/v1/userDataStream"), ("DELETE", "/sapi/v1/userDataStream"),
    ("POST", "/sapi/v1/userDataStream/isolated"), ("POST", "/api/v3/userDataStream"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("readings", "status", "shown"),
    [
        (ApiInterpretations(), 404, "<html>"),
        (ApiInterpretations(retired_path_body="empty"), 404, ""),
        (ApiInterpretations(retired_path_status=400, retired_path_body="json"), 400, "{'code': -1016"),
    ],
)
async def test_retired_paths_are_not_served(readings: ApiInterpretations, status: int, shown: str) -> None:
    scenario = replace(SCENARIO, readings=readings)
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        for method, path in RETIRED:
            answer = await client.signed(method, path, asset="USDT", amount="1", type="1")
            assert answer.status == status, path
            assert str(answer.body).startswith(shown), path
            assert shown or not answer.body, path
        assert (await client.get("/sapi/v1/margin/transfer")).status == 200
        assert (await client.get("/sapi/v1/nothing")).status == 404


async def test_the_flow_from_a_start_ends_a_week_later(client: SignedClient, running: RunningSandbox) -> None:
    start = running.sandbox.timeline.now_ms()
    await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="1")
    running.sandbox.user_actions.advance(8 * 24 * 3600)
    await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="2")
    path = "/sapi/v1/margin/capital-flow"
    assert [row["amount"] for row in (await client.get(path, startTime=start)).body] == ["1"]
    (newest,) = (await client.get(path)).body
    assert newest["amount"] == "2"
    assert (await client.get(path, fromId=newest["id"])).body == []
    (older,) = (await client.get(path, startTime=start)).body
    # The number before goes on behind it, and does not widen the window.
    assert [row["amount"] for row in (await client.get(path, fromId=older["id"])).body] == ["2"]
