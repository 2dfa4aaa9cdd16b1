"""Answers have exactly the fields and types of the official documentation's examples."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.sandbox.scenario import AccountSpec, Limits, PairSpec, Readings, Scenario, holding
from tests.sandbox.asking import Answer, Client
from tests.support.sandbox import sandbox

D = Decimal
EXAMPLES = (
    Path(os.environ.get("MARGIN_MONITOR_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "payloads"
    / "binance_connector_python_margin_doc_examples.json"
)
pytestmark = pytest.mark.skipif(not EXAMPLES.is_file(), reason=f"the documented examples are not at {EXAMPLES}")

SCENARIO = Scenario(
    start=datetime(2026, 3, 1, 13, 5, tzinfo=UTC),
    accounts=(
        AccountSpec(
            spot={"USDT": D(5000)},
            cross={"BTC": holding("1"), "USDT": holding("1000", borrowed="20000")},
            isolated={"SOLUSDT": PairSpec(base=holding("10"), quote=holding("5", borrowed="500"))},
        ),
    ),
    prices={"BTCUSDT": D(60_000), "SOLUSDT": D(200)},
    delistings=((datetime(2026, 4, 1, tzinfo=UTC), ("ADA",), ("ADAUSDT",)),),
    restricted_long=("ADA",),
    collateral_full=("XRP",),
    limit_price_pairs=("ADAUSDT",),
    limits=Limits(loan_delay_s=0),
    readings=Readings(loan_pending_s=1),
)

# Documented, and absent here for a reason: gone from the newer model, only sometimes there, or of the other kind.
OPTIONAL = {
    "totalOpenOrderLossInUSDT", "delistTime", "note", "isolatedSymbol", "rawAsset", "symbol", "fromSymbol",
    "toSymbol", "maxUsdValue", "marginBuyBorrowAmount", "marginBuyBorrowAsset",
}  # fmt: skip

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
]
KEYED: list[tuple[str, str, dict[str, str]]] = [
    ("test_cross_margin_collateral_ratio_success", "/sapi/v1/margin/crossMarginCollateralRatio", {}),
    ("test_get_all_cross_margin_pairs_success", "/sapi/v1/margin/allPairs", {"symbol": "BTCUSDT"}),
    ("test_get_all_isolated_margin_symbol_success", "/sapi/v1/margin/isolated/allPairs", {"symbol": "BTCUSDT"}),
    ("test_get_all_margin_assets_success", "/sapi/v1/margin/allAssets", {"asset": "BTC"}),
    ("test_get_delist_schedule_success", "/sapi/v1/margin/delist-schedule", {}),
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


def _form(value: Any) -> Any:
    """The shape of a JSON value: keys and types, lists by their first item."""
    if isinstance(value, dict):
        return {name: _form(one) for name, one in sorted(value.items()) if name not in OPTIONAL}
    if isinstance(value, list):
        return [_form(value[0])] if value else []
    return type(value).__name__


async def _lively(client: Client) -> None:
    """Leave a row in every history."""
    await client.post("/sapi/v1/margin/borrow-repay", asset="USDT", isIsolated="FALSE", amount="5", type="REPAY")
    await client.post("/sapi/v1/asset/transfer", type="MAIN_MARGIN", asset="USDT", amount="5")
    order = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01"}
    await client.post("/sapi/v1/margin/order", **order, type="MARKET")
    await client.post("/sapi/v1/margin/order", **order, type="LIMIT", timeInForce="GTC", price="90000")


async def _answer(path: str, params: dict[str, str], ask: Callable[[Client], Any]) -> Answer:
    async with sandbox(SCENARIO, frozen=True) as running, Client(running.sandbox, running.ready) as client:
        await _lively(client)
        running.sandbox.hand.advance(3600)
        answer: Answer = await ask(client)
        return answer


@pytest.mark.parametrize(("example", "path", "params"), SIGNED, ids=[path for _, path, _ in SIGNED])
async def test_signed_reads(example: str, path: str, params: dict[str, str]) -> None:
    answer = await _answer(path, params, lambda client: client.get(path, **params))
    expected = _form(_examples()[example])
    if path.endswith("available-inventory"):
        expected["assets"] = _form(answer.body)["assets"]
    assert _form(answer.body) == expected


@pytest.mark.parametrize(("example", "path", "params"), KEYED, ids=[path for _, path, _ in KEYED])
async def test_keyed_reads(example: str, path: str, params: dict[str, str]) -> None:
    answer = await _answer(path, params, lambda client: client.keyed("GET", path, **params))
    assert _form(answer.body) == _form(_examples()[example])


async def test_writes() -> None:
    examples = _examples()
    async with sandbox(SCENARIO, frozen=True) as running, Client(running.sandbox, running.ready) as client:
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
    assert _form(loan.body) == _form(examples["test_margin_account_borrow_repay_success"])
    assert _form(order.body) == _form(examples["test_margin_account_new_order_success"])
    assert _form(one.body) == _form(examples["test_query_margin_accounts_order_success"])
    assert _form(cancelled.body) == _form(examples["test_margin_account_cancel_order_success"])
    assert _form(key.body) == _form(examples["test_start_user_data_stream_success"])


async def test_what_liquidation_leaves_behind() -> None:
    examples = _examples()
    scenario = replace(
        SCENARIO, accounts=(AccountSpec(cross={"BTC": holding("1"), "USDT": holding(borrowed="20000")}),)
    )
    async with sandbox(scenario, frozen=True) as running, Client(running.sandbox, running.ready) as client:
        running.sandbox.hand.set_price("BTCUSDT", D(19_000))
        records = await client.get("/sapi/v1/margin/forceLiquidationRec")
        loan = await client.get("/sapi/v1/margin/liquidation-loan")
    assert _form(records.body) == _form(examples["test_get_force_liquidation_record_success"])
    assert _form(loan.body) == _form(examples["test_query_liquidation_loan_success"])
