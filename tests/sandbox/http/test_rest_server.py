"""The REST door over loopback: who may ask, what comes back, what is refused."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monitor.sandbox.scenario.scenario import (
    CROSS_5X,
    AccountSpec,
    ApiInterpretations,
    ApiKeyPermissions,
    PairSpec,
    RequestLimits,
    Scenario,
    SimCollateralTier,
    hmac_key,
    initial_balance,
)
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sandbox_client import SignedClient, wait_until

D = Decimal

SAMPLE = Scenario(
    start=datetime(2026, 3, 1, 13, 5, tzinfo=UTC),
    accounts=(
        AccountSpec(
            spot={"USDT": D(5000)},
            funding={"USDT": D(70)},
            cross={
                "BTC": initial_balance("1.5"),
                "USDT": initial_balance("20000", borrowed="30000"),
                "ETH": initial_balance(borrowed="10"),
            },
            isolated={
                "BTCUSDT": PairSpec(
                    base=initial_balance("1"), quote=initial_balance("100", borrowed="40000", interest="12.5")
                ),
                "SOLUSDT": PairSpec(created=False),
            },
        ),
        AccountSpec(name="other", cross_created=False),
    ),
    prices={"BTCUSDT": D(60_000), "ETHUSDT": D(3000)},
    leverage={"BTCUSDT": 5},
    collateral={"BTC": (SimCollateralTier(D(0), D("0.95")),)},
    limits=RequestLimits(loan_delay_s=0),
)


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with sandbox(SAMPLE, frozen=True) as one:
        yield one


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[SignedClient]:
    async with SignedClient(running.sandbox, running.ready) as one:
        yield one


async def test_the_cross_account_shows_every_asset_and_the_worked_levels(client: SignedClient) -> None:
    answer = await client.get("/sapi/v1/margin/account")
    body = answer.body
    assert answer.status == 200
    assert body["marginLevel"] == "1.83333333"
    assert body["collateralMarginLevel"] == "1.75833333"
    assert body["TotalCollateralValueInUSDT"] == "105500.00000000"
    assert body["totalAssetOfBtc"] == "1.83333333"
    assert body["totalLiabilityOfBtc"] == "1.00000000"
    assert body["accountType"] == "MARGIN_1"
    rows = {row["asset"]: row for row in body["userAssets"]}
    assert len(rows) == len(body["userAssets"]) == 400
    assert rows["USDT"]["netAsset"] == "-10000.00000000"
    assert rows["XRP"]["free"] == "0.00000000"


async def test_account_without_debt_shows_the_sentinel_level() -> None:
    scenario = replace(SAMPLE, accounts=(AccountSpec(cross={"BTC": initial_balance("1")}),))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        body = (await client.get("/sapi/v1/margin/account")).body
        assert (body["marginLevel"], body["totalLiabilityOfBtc"]) == ("999.00000000", "0.00000000")


async def test_isolated_rows_carry_the_worked_liquidation_price(client: SignedClient) -> None:
    body = (await client.get("/sapi/v1/margin/isolated/account")).body
    row, placeholder = body["assets"]
    assert row["symbol"] == "BTCUSDT"
    assert row["liquidatePrice"] == "45914.37500000"
    assert row["marginLevel"] == "1.50203062"
    assert row["marginLevelStatus"] == "NORMAL"
    assert body["totalLiabilityOfBtc"] == "0.66687500"
    assert (placeholder["symbol"], placeholder["isolatedCreated"], placeholder["enabled"]) == ("SOLUSDT", False, False)
    assert (placeholder["marginLevel"], placeholder["liquidatePrice"]) == ("999", "0")


async def test_named_pairs_come_without_totals(client: SignedClient) -> None:
    body = (await client.get("/sapi/v1/margin/isolated/account", symbols="BTCUSDT,ETHUSDT")).body
    assert list(body) == ["assets"]
    assert [row["symbol"] for row in body["assets"]] == ["BTCUSDT", "ETHUSDT"]


async def test_six_pairs_are_too_many(client: SignedClient) -> None:
    answer = await client.get("/sapi/v1/margin/isolated/account", symbols="A,B,C,D,E,F")
    assert answer.body["code"] == -1130


async def test_bars_are_the_accounts_own() -> None:
    scenario = replace(SAMPLE, accounts=(AccountSpec(bars=CROSS_5X),))
    async with sandbox(scenario) as running, SignedClient(running.sandbox, running.ready) as client:
        body = (await client.get("/sapi/v1/margin/tradeCoeff")).body
        assert body == {"normalBar": "1.25", "marginCallBar": "1.16", "forceLiquidationBar": "1.1"}


async def test_the_most_that_may_leave_keeps_the_collateral_level_above_two(client: SignedClient) -> None:
    body = (await client.get("/sapi/v1/margin/maxTransferable", asset="USDT")).body
    assert body == {"amount": "0.00000000"}


async def test_the_most_that_may_be_borrowed_keeps_the_initial_level(client: SignedClient) -> None:
    # (105,500 - 1.5·60,000) / (1.5 - 1)
    body = (await client.get("/sapi/v1/margin/maxBorrowable", asset="USDT")).body
    assert body["amount"] == "31000.00000000"


async def test_repaying_raises_the_level_as_worked_out(client: SignedClient, running: RunningSandbox) -> None:
    answer = await client.post(
        "/sapi/v1/margin/borrow-repay", asset="USDT", isIsolated="FALSE", amount="10000", type="REPAY"
    )
    assert answer.body == {"tranId": 100000001}
    body = (await client.get("/sapi/v1/margin/account")).body
    assert body["marginLevel"] == "2.00000000"
    rows = (await client.get("/sapi/v1/margin/borrow-repay", type="REPAY")).body
    assert rows["total"] == 1
    assert (rows["rows"][0]["type"], rows["rows"][0]["txId"]) == ("MANUAL", 100000001)
    assert running.sandbox.state_dump["imbalance"] == {}


async def test_repaying_pays_interest_first(client: SignedClient) -> None:
    path = "/sapi/v1/margin/borrow-repay"
    await client.post(path, asset="USDT", isIsolated="TRUE", symbol="BTCUSDT", amount="50", type="REPAY")
    (row,) = (await client.get(path, type="REPAY", isolatedSymbol="BTCUSDT")).body["rows"]
    assert (row["amount"], row["interest"], row["principal"]) == ("50.00000000", "12.50000000", "37.50000000")
    assert row["isolatedSymbol"] == "BTCUSDT"


async def test_a_topup_spent_on_the_debt_costs_half_of_collateral(client: SignedClient) -> None:
    await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="5000")
    await client.post("/sapi/v1/margin/borrow-repay", asset="USDT", isIsolated="FALSE", amount="5000", type="REPAY")
    assert (await client.get("/sapi/v1/margin/account")).body["marginLevel"] == "2.00000000"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"asset": "USDT", "isIsolated": "FALSE", "amount": "30001", "type": "REPAY"}, -3015),
        ({"asset": "USDT", "isIsolated": "FALSE", "amount": "25000", "type": "REPAY"}, -3041),
        ({"asset": "ETH", "isIsolated": "FALSE", "amount": "1", "type": "REPAY"}, -3041),
        ({"asset": "USDT", "isIsolated": "FALSE", "amount": "31001", "type": "BORROW"}, -3006),
        ({"asset": "USDT", "isIsolated": "FALSE", "amount": "0.000000001", "type": "REPAY"}, -1111),
        ({"asset": "USDT", "isIsolated": "FALSE", "type": "REPAY"}, -1102),
        ({"asset": "USDT", "amount": "1", "type": "REPAY"}, -1102),
        ({"asset": "USDT", "isIsolated": "FALSE", "amount": "1e3", "type": "REPAY"}, -1100),
        ({"asset": "NOPE", "isIsolated": "FALSE", "amount": "1", "type": "REPAY"}, -3027),
        ({"asset": "USDT", "isIsolated": "TRUE", "amount": "1", "type": "REPAY"}, -1102),
        ({"asset": "USDT", "isIsolated": "TRUE", "symbol": "SOLUSDT", "amount": "1", "type": "REPAY"}, -11001),
        ({"asset": "USDT", "isIsolated": "TRUE", "symbol": "NOPE", "amount": "1", "type": "REPAY"}, -3028),
        ({"asset": "USDT", "isIsolated": "TRUE", "symbol": "BTCUSDT", "amount": "99999", "type": "BORROW"}, -11008),
    ],
)
async def test_loans_are_refused_with_their_code(client: SignedClient, params: dict[str, str], code: int) -> None:
    before = (await client.get("/sapi/v1/margin/account")).body["userAssets"]
    answer = await client.post("/sapi/v1/margin/borrow-repay", **params)
    assert (answer.status, answer.body["code"]) == (400, code)
    assert (await client.get("/sapi/v1/margin/account")).body["userAssets"] == before


async def test_remainder_below_the_minimum_is_refused() -> None:
    scenario = replace(SAMPLE, min_repay={"USDT": D(10)}, readings=ApiInterpretations(small_rest_code=-3024))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        running.sandbox.user_actions.deposit("main", "USDT", D(10_000), "cross")
        path = "/sapi/v1/margin/borrow-repay"
        rest = await client.post(path, asset="USDT", isIsolated="FALSE", amount="29995", type="REPAY")
        little = await client.post(path, asset="USDT", isIsolated="FALSE", amount="9", type="REPAY")
        assert (rest.body["code"], little.body["code"]) == (-3024, -3016)
        full = await client.post(path, asset="USDT", isIsolated="FALSE", amount="30000", type="REPAY")
        assert full.status == 200


async def test_a_second_loan_in_flight_is_refused() -> None:
    scenario = replace(SAMPLE, limits=RequestLimits(loan_delay_s=0.2))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        params = {"asset": "USDT", "isIsolated": "FALSE", "amount": "1", "type": "REPAY"}
        first = asyncio.create_task(client.post("/sapi/v1/margin/borrow-repay", **params))
        await wait_until(lambda: running.sandbox.venue.accounts["main"].loan_in_flight)
        second = await client.post("/sapi/v1/margin/borrow-repay", **params)
        assert second.body["code"] == -3007
        assert (await first).status == 200


async def test_a_transfer_shows_in_every_history(client: SignedClient, running: RunningSandbox) -> None:
    answer = await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="100.5")
    tran_id = answer.body["tranId"]
    universal = (await client.get("/sapi/v1/asset/transfer", type="MAIN_MARGIN")).body
    assert universal["rows"][0] | {"timestamp": 0} == {
        "asset": "USDT",
        "amount": "100.5",
        "type": "MAIN_MARGIN",
        "status": "CONFIRMED",
        "tranId": tran_id,
        "timestamp": 0,
    }
    (seen,) = (await client.get("/sapi/v1/margin/transfer", type="ROLL_IN")).body["rows"]
    assert (seen["transFrom"], seen["transTo"], seen["txId"]) == ("SPOT", "CROSS_MARGIN", tran_id)
    (flow,) = (await client.get("/sapi/v1/margin/capital-flow")).body
    assert (flow["type"], flow["tranId"], flow["amount"]) == ("TRANSFER", tran_id, "100.5")
    assert (await client.get("/sapi/v1/asset/transfer", type="MARGIN_MAIN")).body == {"rows": [], "total": 0}
    assert [movement.by for movement in running.sandbox.venue.movements] == ["api"]


async def test_two_hops_reach_a_pair_and_the_direct_way_is_refused(client: SignedClient) -> None:
    path = "/sapi/v1/asset/transfer"
    direct = await client.post(path, type="MAIN_ISOLATED_MARGIN", asset="USDT", amount="10", toSymbol="BTCUSDT")
    assert direct.body["code"] == -1130
    await client.post(path, type="MAIN_MARGIN", asset="USDT", amount="10")
    lacking = await client.post(path, type="MARGIN_ISOLATEDMARGIN", asset="USDT", amount="10")
    assert lacking.body["code"] == -1102
    moved = await client.post(path, type="MARGIN_ISOLATEDMARGIN", asset="USDT", amount="10", toSymbol="BTCUSDT")
    # The cross level is below 2, so nothing may leave it.
    assert moved.body["code"] == -3020


async def test_the_direct_way_works_in_the_other_reading_and_creates_the_pair() -> None:
    scenario = replace(SAMPLE, readings=ApiInterpretations(direct_isolated_transfer=True))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        path = "/sapi/v1/asset/transfer"
        params = {"type": "MAIN_ISOLATED_MARGIN", "asset": "USDT", "amount": "10", "toSymbol": "SOLUSDT"}
        assert (await client.post(path, **params)).status == 200
        body = (await client.get("/sapi/v1/margin/isolated/account", symbols="SOLUSDT")).body
        assert (body["assets"][0]["isolatedCreated"], body["assets"][0]["quoteAsset"]["free"]) == (True, "10.00000000")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"type": "MAIN_MARGIN", "asset": "USDT", "amount": "5000.1"}, -5013),
        ({"type": "MAIN_MARGIN", "asset": "USDT", "amount": "0"}, -5007),
        ({"type": "SPOT_MARGIN", "asset": "USDT", "amount": "1"}, -1130),
        ({"type": "MARGIN_MAIN", "asset": "USDT", "amount": "1"}, -3020),
        ({"type": "UMFUTURE_MARGIN", "asset": "USDT", "amount": "1"}, -5013),
    ],
)
async def test_transfers_are_refused_with_their_code(client: SignedClient, params: dict[str, str], code: int) -> None:
    answer = await client.post("/sapi/v1/asset/transfer", **params)
    assert (answer.status, answer.body["code"]) == (400, code)


async def test_wallets_show_their_balances(client: SignedClient) -> None:
    spot = (await client.get("/api/v3/account", omitZeroBalances="true")).body["balances"]
    assert spot == [{"asset": "USDT", "free": "5000.00000000", "locked": "0.00000000"}]
    assert (await client.post("/sapi/v3/asset/getUserAsset")).body[0]["free"] == "5000"
    assert (await client.post("/sapi/v1/asset/get-funding-asset")).body[0]["free"] == "70"


async def test_the_full_hour_charges_and_is_in_the_history(client: SignedClient, running: RunningSandbox) -> None:
    running.sandbox.user_actions.advance(55 * 60)
    body = (await client.get("/sapi/v1/margin/interestHistory")).body
    assert body["total"] == 2
    assert {row["asset"] for row in body["rows"]} == {"USDT", "ETH"}
    assert {row["type"] for row in body["rows"]} == {"PERIODIC"}
    assert body["rows"][0]["interestAccuredTime"] == int(datetime(2026, 3, 1, 14, tzinfo=UTC).timestamp() * 1000)
    pair = (await client.get("/sapi/v1/margin/interestHistory", isolatedSymbol="BTCUSDT")).body
    assert [row["isolatedSymbol"] for row in pair["rows"]] == ["BTCUSDT"]


async def test_pages_are_newest_first(client: SignedClient, running: RunningSandbox) -> None:
    running.sandbox.user_actions.advance(30 * 3600)
    path = "/sapi/v1/margin/interestHistory"
    first = (await client.get(path, asset="USDT")).body
    second = (await client.get(path, asset="USDT", current="2", size="20")).body
    assert (first["total"], len(first["rows"]), len(second["rows"])) == (30, 10, 10)
    times = [row["interestAccuredTime"] for row in first["rows"]]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/sapi/v1/margin/interestHistory", {"startTime": "0", "endTime": "2678400001"}, -3011),
        ("/sapi/v1/margin/capital-flow", {"startTime": "0", "endTime": "604800001"}, -4047),
        ("/sapi/v1/margin/myTrades", {"symbol": "BTCUSDT", "startTime": "0", "endTime": "86400001"}, -1127),
        ("/sapi/v1/margin/borrow-repay", {}, -1102),
        ("/sapi/v1/margin/order", {"symbol": "BTCUSDT", "orderId": "5"}, -2013),
        ("/sapi/v1/margin/order", {"symbol": "NOPE", "orderId": "5"}, -1121),
        ("/sapi/v1/margin/isolatedMarginTier", {"symbol": "USDCUSDT"}, -3028),
        ("/sapi/v1/margin/liquidation-loan", {}, -21004),
    ],
)
async def test_invalid_requests_are_refused_with_their_code(
    client: SignedClient, path: str, params: dict[str, str], code: int
) -> None:
    answer = await client.get(path, **params)
    assert (answer.status, answer.body["code"]) == (400, code)


async def test_reference_answers_have_the_documented_form(client: SignedClient) -> None:
    index = (await client.keyed("GET", "/sapi/v1/margin/priceIndex", symbol="BTCUSDT")).body
    assert index == {"calcTime": 1772370300000, "price": "60000.00000000", "symbol": "BTCUSDT"}
    tiers = (await client.get("/sapi/v1/margin/isolatedMarginTier", symbol="BTCUSDT", tier="2")).body
    assert (tiers[0]["initialRiskRatio"], tiers[0]["liquidationRiskRatio"]) == ("1.3125", "1.15")
    (ratio,) = (await client.get("/sapi/v1/margin/next-hourly-interest-rate", assets="BTC", isIsolated="FALSE")).body
    assert ratio == {"asset": "BTC", "nextHourlyInterestRate": "0.00000171"}
    groups = (await client.keyed("GET", "/sapi/v1/margin/crossMarginCollateralRatio")).body
    assert {"collaterals": [{"minUsdValue": "0", "discountRate": "0.95"}], "assetNames": ["BTC"]} in groups
    (coin,) = (await client.get("/sapi/v1/margin/crossMarginData", coin="BTC")).body
    assert coin["dailyInterest"] == "0.00004110"
    assert (await client.get("/sapi/v1/account/apiRestrictions")).body["enableMargin"] is True
    prices = (await client.keyed("GET", "/api/v3/ticker/price", symbols='["BTCUSDT","ETHUSDT"]')).body
    assert prices[1] == {"symbol": "ETHUSDT", "price": "3000.00000000"}
    listed = (await client.keyed("GET", "/api/v3/exchangeInfo", symbol="BTCUSDT")).body["symbols"]
    assert [row["filterType"] for row in listed[0]["filters"]][:2] == ["PRICE_FILTER", "LOT_SIZE"]


async def test_market_data_of_sapi_needs_the_key_and_that_of_api_does_not(client: SignedClient) -> None:
    refused = await client.raw("GET", "/sapi/v1/margin/allPairs", "", key="")
    assert (refused.status, refused.body["code"]) == (401, -2014)
    assert (await client.raw("GET", "/api/v3/time", "", key="")).body == {"serverTime": 1772370300000}


async def test_unsigned_late_and_early_requests_are_refused(client: SignedClient) -> None:
    path = "/sapi/v1/margin/account"
    assert (await client.raw("GET", path, "")).body["code"] == -1102
    assert (await client.get(path, timestamp=1772370300000 - 400_000)).body["code"] == -1021
    assert (await client.get(path, timestamp=1772370300000 + 400_000)).body["code"] == -1021
    assert (await client.raw("GET", path, "timestamp=1772370300000&signature=00")).body["code"] == -1022
    unknown = await client.raw("GET", path, "timestamp=1772370300000&signature=00", key="a" * 64)
    assert (unknown.status, unknown.body["code"]) == (401, -2015)


async def test_a_form_body_is_as_good_as_a_query(client: SignedClient, running: RunningSandbox) -> None:
    body = f"type=MAIN_MARGIN&asset=USDT&amount=1&timestamp={running.sandbox.timeline.now_ms()}"
    signature = hmac.new(client.secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    answer = await client.raw("POST", "/sapi/v1/asset/transfer", "", body=f"{body}&signature={signature}")
    assert answer.status == 200


async def test_a_key_without_the_right_is_refused() -> None:
    key = hmac_key("weak", ApiKeyPermissions(margin=False, transfer=False))
    scenario = replace(SAMPLE, accounts=(replace(SAMPLE.accounts[0], keys=(key,)),))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        params = {"asset": "USDT", "isIsolated": "FALSE", "amount": "1", "type": "REPAY"}
        assert (await client.post("/sapi/v1/margin/borrow-repay", **params)).body["code"] == -1002
        assert (await client.get("/sapi/v1/margin/account")).status == 200


async def test_an_account_without_cross_margin_says_so(running: RunningSandbox) -> None:
    async with SignedClient(running.sandbox, running.ready, 1) as client:
        assert (await client.get("/sapi/v1/margin/account")).body["code"] == -3003


async def test_retired_and_unknown_paths_answer_html(client: SignedClient) -> None:
    for path in ("/sapi/v1/margin/loan", "/sapi/v1/nothing"):
        answer = await client.get(path)
        assert answer.status == 404
        assert answer.body.startswith("<html>")


async def test_every_endpoint_counts_its_own_weight(client: SignedClient, running: RunningSandbox) -> None:
    first = await client.get("/sapi/v1/margin/account")
    second = await client.get("/sapi/v1/margin/account")
    other = await client.get("/sapi/v1/margin/maxBorrowable", asset="USDT")
    spot = await client.get("/api/v3/account")
    assert first.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "10"
    assert second.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "20"
    assert other.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "750"
    assert spot.headers["X-MBX-USED-WEIGHT-1M"] == "20"
    running.sandbox.user_actions.advance(60)
    assert (await client.get("/sapi/v1/margin/account")).headers["X-SAPI-USED-IP-WEIGHT-1M"] == "10"


async def test_too_much_weight_is_429_and_going_on_is_a_ban() -> None:
    scenario = replace(SAMPLE, limits=RequestLimits(sapi_ip_weight=20, requests_after_429=2))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        path = "/sapi/v1/margin/account"
        answers = [await client.get(path) for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429, 418]
        assert answers[2].headers["Retry-After"] == "60"
        assert answers[4].headers["Retry-After"] == "120"
        assert "banned until" in answers[4].body["msg"]
        running.sandbox.user_actions.advance(119)
        assert (await client.get("/api/v3/time")).status == 418
        running.sandbox.user_actions.advance(1)
        assert (await client.get(path)).status == 200


async def test_every_request_is_logged(client: SignedClient, running: RunningSandbox) -> None:
    await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="1")
    await client.get("/sapi/v1/margin/loan")
    first, second = running.sandbox.requests
    assert (first.method, first.path, first.account, first.status, first.applied) == (
        "POST",
        "/sapi/v1/asset/transfer",
        "main",
        200,
        True,
    )
    assert "signature" not in first.params
    assert (second.status, second.applied) == (404, False)
