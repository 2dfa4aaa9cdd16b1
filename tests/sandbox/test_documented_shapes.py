"""Answers have exactly the fields and types of the official documentation's examples."""

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.sandbox.scenario.scenario import AccountSpec, PairSpec, initial_balance
from tests.sandbox.json_shapes import SCENARIO, answer_after_an_hour, json_shape
from tests.support.sandbox import sandbox
from tests.support.sandbox_client import SignedClient

D = Decimal
EXAMPLES = (
    Path(os.environ.get("MARGIN_MONITOR_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "payloads"
    / "binance_connector_python_margin_doc_examples.json"
)
pytestmark = pytest.mark.skipif(not EXAMPLES.is_file(), reason=f"the documented examples are not at {EXAMPLES}")

SIGNED: list[tuple[str, str, dict[str, str]]] = [
    ("test_get_bnb_burn_status_success", "/sapi/v1/bnbBurn", {}),
    ("test_get_summary_of_margin_account_success", "/sapi/v1/margin/tradeCoeff", {}),
    ("test_query_cross_isolated_margin_capital_flow_success", "/sapi/v1/margin/capital-flow", {}),
    ("test_query_cross_margin_account_details_success", "/sapi/v1/margin/account", {}),
    ("test_query_cross_margin_fee_data_success", "/sapi/v1/margin/crossMarginData", {"coin": "BTC"}),
    ("test_query_enabled_isolated_margin_account_limit_success", "/sapi/v1/margin/isolated/accountLimit", {}),
    ("test_query_isolated_margin_account_info_success", "/sapi/v1/margin/isolated/account", {}),
    ("test_query_isolated_margin_fee_data_success", "/sapi/v1/margin/isolatedMarginData", {"symbol": "BTCUSDT"}),
    (
        "test_get_future_hourly_interest_rate_success",
        "/sapi/v1/margin/next-hourly-interest-rate",
        {"assets": "BTC", "isIsolated": "FALSE"},
    ),
    ("test_get_interest_history_success", "/sapi/v1/margin/interestHistory", {}),
    ("test_get_interest_history_success", "/sapi/v1/margin/interestHistory", {"isolatedSymbol": "SOLUSDT"}),
    ("test_query_borrow_repay_records_in_margin_account_success", "/sapi/v1/margin/borrow-repay", {"type": "REPAY"}),
    (
        "test_query_margin_interest_rate_history_success",
        "/sapi/v1/margin/interestRateHistory",
        {"asset": "BTC"},
    ),
    ("test_query_max_borrow_success", "/sapi/v1/margin/maxBorrowable", {"asset": "USDT"}),
    ("test_query_max_transfer_out_amount_success", "/sapi/v1/margin/maxTransferable", {"asset": "USDT"}),
    ("test_query_isolated_margin_tier_data_success", "/sapi/v1/margin/isolatedMarginTier", {"symbol": "BTCUSDT"}),
    ("test_query_margin_available_inventory_success", "/sapi/v1/margin/available-inventory", {"type": "MARGIN"}),
    ("test_get_cross_margin_transfer_history_success", "/sapi/v1/margin/transfer", {}),
    ("test_query_margin_accounts_open_orders_success", "/sapi/v1/margin/openOrders", {}),
    ("test_query_margin_accounts_trade_list_success", "/sapi/v1/margin/myTrades", {"symbol": "BTCUSDT"}),
    ("test_query_margin_accounts_all_orders_success", "/sapi/v1/margin/allOrders", {"symbol": "BTCUSDT"}),
    ("test_query_current_margin_order_count_usage_success", "/sapi/v1/margin/rateLimit/order", {}),
    ("test_get_small_liability_exchange_coin_list_success", "/sapi/v1/margin/exchange-small-liability", {}),
    (
        "test_get_small_liability_exchange_history_success",
        "/sapi/v1/margin/exchange-small-liability-history",
        {"current": "1", "size": "10"},
    ),
    ("test_query_margin_accounts_all_oco_success", "/sapi/v1/margin/allOrderList", {}),
    ("test_query_margin_accounts_open_oco_success", "/sapi/v1/margin/openOrderList", {}),
    ("test_query_margin_accounts_oco_success", "/sapi/v1/margin/orderList", {"origClientOrderId": "pair"}),
]
KEYED: list[tuple[str, str, dict[str, str]]] = [
    ("test_cross_margin_collateral_ratio_success", "/sapi/v1/margin/crossMarginCollateralRatio", {}),
    ("test_get_all_cross_margin_pairs_success", "/sapi/v1/margin/allPairs", {"symbol": "BTCUSDT"}),
    ("test_get_all_isolated_margin_symbol_success", "/sapi/v1/margin/isolated/allPairs", {"symbol": "BTCUSDT"}),
    ("test_get_all_margin_assets_success", "/sapi/v1/margin/allAssets", {"asset": "BTC"}),
    ("test_get_delist_schedule_success", "/sapi/v1/margin/delist-schedule", {}),
    ("test_get_list_schedule_success", "/sapi/v1/margin/list-schedule", {}),
    ("test_get_limit_price_pairs_success", "/sapi/v1/margin/limit-price-pairs", {}),
    (
        "test_get_margin_asset_risk_based_liquidation_ratio_success",
        "/sapi/v1/margin/risk-based-liquidation-ratio",
        {},
    ),
    ("test_get_margin_restricted_assets_success", "/sapi/v1/margin/restricted-asset", {}),
    ("test_query_margin_priceindex_success", "/sapi/v1/margin/priceIndex", {"symbol": "BTCUSDT"}),
]


def _examples() -> dict[str, Any]:
    if not EXAMPLES.is_file():
        return {}
    return {one["test"]: one["response"] for one in msgspec.json.decode(EXAMPLES.read_bytes())["fixtures"]}


@pytest.mark.parametrize(("example", "path", "params"), SIGNED, ids=[path for _, path, _ in SIGNED])
async def test_signed_reads(example: str, path: str, params: dict[str, str]) -> None:
    answer = await answer_after_an_hour(lambda client: client.get(path, **params))
    expected = json_shape(_examples()[example])
    if path.endswith("capital-flow"):
        # Only rows of isolated pairs have it.
        del expected[0]["symbol"]
    if path.endswith("available-inventory"):
        expected["assets"] = json_shape(answer.body)["assets"]
    assert json_shape(answer.body) == expected


@pytest.mark.parametrize(("example", "path", "params"), KEYED, ids=[path for _, path, _ in KEYED])
async def test_keyed_reads(example: str, path: str, params: dict[str, str]) -> None:
    answer = await answer_after_an_hour(lambda client: client.keyed("GET", path, **params))
    assert json_shape(answer.body) == json_shape(_examples()[example])


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
    examples = _examples()
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
    assert json_shape(pair.body) == json_shape(examples["test_margin_account_new_oco_success"])
    assert json_shape(cancelled.body) == json_shape(examples["test_margin_account_cancel_oco_success"])
    assert json_shape(chain.body) == json_shape(examples["test_margin_account_new_oto_success"])
    # The documented example shows a stop price on the first order, which a limit has none of.
    otoco = json_shape(examples["test_margin_account_new_otoco_success"])
    del otoco["orderReports"][0]["stopPrice"]
    assert json_shape(chain_pair.body) == otoco
    # The documented example shows an order and a list in one object.
    first, last = every.body[0], every.body[-1]
    merged = json_shape(examples["test_margin_account_cancel_all_open_orders_on_a_symbol_success"])[0]
    assert {**json_shape(first), **json_shape(last)}.keys() == merged.keys()
    assert ("orderReports" in first, "orderReports" in last) == (True, False)


async def test_settings() -> None:
    examples = _examples()
    scenario = replace(SCENARIO, accounts=(AccountSpec(isolated={"SOLUSDT": PairSpec()}),))
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        leverage = await client.post("/sapi/v1/margin/max-leverage", maxLeverage="5")
        disabled = await client.signed("DELETE", "/sapi/v1/margin/isolated/account", symbol="SOLUSDT")
    assert json_shape(leverage.body) == json_shape(examples["test_adjust_cross_margin_max_leverage_success"])
    assert json_shape(disabled.body) == json_shape(examples["test_disable_isolated_margin_account_success"])


async def test_a_prevented_match() -> None:
    scenario = replace(SCENARIO, depth={"BTCUSDT": D("0.004")})
    order = {"symbol": "BTCUSDT", "quantity": "0.01", "type": "LIMIT", "timeInForce": "GTC"}
    path = "/sapi/v1/margin/order"
    async with sandbox(scenario, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        await client.post(path, **order, side="SELL", price="60100")
        taker = await client.post(path, **order, side="BUY", price="60200", sideEffectType="MARGIN_BUY")
        path = "/sapi/v1/margin/myPreventedMatches"
        answer = await client.get(path, symbol="BTCUSDT", orderId=taker.body["orderId"])
    assert json_shape(answer.body) == json_shape(_examples()["test_query_prevented_matches_success"])


async def test_writes() -> None:
    examples = _examples()
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
    assert json_shape(loan.body) == json_shape(examples["test_margin_account_borrow_repay_success"])
    assert json_shape(order.body) == json_shape(examples["test_margin_account_new_order_success"])
    assert json_shape(one.body) == json_shape(examples["test_query_margin_accounts_order_success"])
    assert json_shape(cancelled.body) == json_shape(examples["test_margin_account_cancel_order_success"])
    assert json_shape(key.body) == json_shape(examples["test_start_user_data_stream_success"])


async def test_liquidation_answers_have_the_documented_shape() -> None:
    examples = _examples()
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
    assert json_shape(records.body) == json_shape(examples["test_get_force_liquidation_record_success"])
    assert json_shape(loan.body) == json_shape(examples["test_query_liquidation_loan_success"])
    assert json_shape(repaid.body) == json_shape(examples["test_liquidation_loan_repay_success"])
    assert json_shape(history.body) == json_shape(examples["test_query_liquidation_loan_repay_history_success"])


async def test_manual_liquidation() -> None:
    async with sandbox(SCENARIO, frozen=True) as running, SignedClient(running.sandbox, running.ready) as client:
        answer = await client.post("/sapi/v1/margin/manual-liquidation", type="MARGIN")
    assert json_shape(answer.body) == json_shape(_examples()["test_margin_manual_liquidation_success"])


def test_every_example_is_compared() -> None:
    """Those left out: special keys, which no monitor makes, and an endpoint that was retired."""
    source = Path(__file__).read_text()
    assert {name for name in _examples() if name not in source} == {
        f"test_{name}_success"
        for name in (
            "create_special_key", "query_special_key", "query_special_key_list",
            "query_liability_coin_leverage_bracket_in_cross_margin_pro_mode",
        )
    }  # fmt: skip
