"""python-binance: its working functions work, and those that still call retired paths fail.

It sends /sapi requests to a constant of its own, whatever testnet flag is set: every address it knows is
overridden here.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.sandbox import RunningSandbox

with warnings.catch_warnings():
    # It still imports names that its own dependencies call deprecated.
    warnings.simplefilter("ignore")
    from binance.client import Client
    from binance.exceptions import BinanceAPIException

# The discard port of this machine, where nothing listens.
NOWHERE = "http://127.0.0.1:9"
ADDRESSES = [name for name in dir(Client) if name.endswith("_URL")]


@pytest.fixture
async def client(running: RunningSandbox) -> AsyncIterator[Any]:
    rest_url, account = running.ready.rest_url, running.ready.accounts[0]
    addresses = dict.fromkeys(ADDRESSES, NOWHERE)
    addresses |= {"API_URL": f"{rest_url}/api", "MARGIN_API_URL": f"{rest_url}/sapi"}
    one = type("Here", (Client,), addresses)(account["api_key"], account["api_secret"], ping=False)
    yield one
    one.close_connection()


async def _ask(call: Callable[..., Any], **params: object) -> Any:
    return await asyncio.to_thread(call, **params)


def test_every_address_is_overridden() -> None:
    assert {"API_URL", "MARGIN_API_URL", "WEBSITE_URL", "FUTURES_URL", "PAPI_URL"} <= set(ADDRESSES)


# Function, parameters, and what its answer must be or hold.
READS: list[tuple[str, dict[str, object], str | None]] = [
    ("get_server_time", {}, "serverTime"),
    ("get_system_status", {}, "status"),
    ("get_exchange_info", {}, "symbols"),
    ("get_symbol_ticker", {"symbol": "BTCUSDT"}, "price"),
    ("get_account", {"omitZeroBalances": "true"}, "balances"),
    ("get_user_asset", {}, None),
    ("funding_wallet", {"needBtcValuation": "true"}, None),
    ("get_account_api_permissions", {}, "enableMargin"),
    ("get_account_api_trading_status", {}, "data"),
    ("margin_v1_get_account_info", {}, "vipLevel"),
    ("margin_v1_get_asset_wallet_balance", {}, None),
    ("get_margin_account", {}, "marginLevel"),
    ("get_isolated_margin_account", {"symbols": "SOLUSDT"}, "assets"),
    ("margin_v1_get_margin_trade_coeff", {}, "normalBar"),
    ("get_enabled_isolated_margin_account_limit", {}, "maxAccount"),
    ("get_margin_all_assets", {}, None),
    ("get_margin_all_pairs", {}, None),
    ("get_all_isolated_margin_symbols", {}, None),
    ("get_margin_price_index", {"symbol": "BTCUSDT"}, "calcTime"),
    ("get_cross_margin_data", {}, None),
    ("get_isolated_margin_fee_data", {}, None),
    ("get_isolated_margin_tier_data", {"symbol": "BTCUSDT"}, None),
    ("get_cross_margin_collateral_ratio", {}, None),
    ("margin_v1_get_margin_delist_schedule", {}, None),
    ("margin_v1_get_margin_available_inventory", {"type": "MARGIN"}, "assets"),
    ("margin_v1_get_margin_rate_limit_order", {}, None),
    ("get_margin_capital_flow", {}, None),
    ("get_margin_transfer_history", {}, "rows"),
    ("margin_interest_history", {}, "rows"),
    ("get_margin_interest_history", {}, "rows"),
    ("margin_interest_rate_history", {"asset": "BTC"}, None),
    ("margin_next_hourly_interest_rate", {"assets": "BTC", "isIsolated": "FALSE"}, None),
    ("get_future_hourly_interest_rate", {"assets": "BTC", "isIsolated": "FALSE"}, None),
    ("margin_max_borrowable", {"asset": "USDT"}, "borrowLimit"),
    ("get_max_margin_loan", {"asset": "USDT"}, "amount"),
    ("get_max_margin_transfer", {"asset": "USDT"}, "amount"),
    ("margin_get_borrow_repay_records", {"type": "REPAY"}, "rows"),
    ("get_margin_force_liquidation_rec", {}, "rows"),
    ("get_margin_trades", {"symbol": "BTCUSDT"}, None),
    ("get_all_margin_orders", {"symbol": "BTCUSDT"}, None),
    ("get_bnb_burn_spot_margin", {}, "interestBNBBurn"),
    ("get_small_liability_exchange_assets", {}, None),
    ("get_small_liability_exchange_history", {"current": 1, "size": 10}, "rows"),
    ("query_universal_transfer_history", {"type": "MAIN_MARGIN"}, "rows"),
]


async def test_every_working_read_answers(client: Any) -> None:
    for name, params, field in READS:
        answer = await _ask(getattr(client, name), **params)
        if field is None:
            assert isinstance(answer, list), name
            assert answer, name
        else:
            assert field in answer, name


async def test_lists_with_commas_are_refused_since_it_signs_them_unencoded(client: Any) -> None:
    with pytest.raises(BinanceAPIException) as refused:
        await _ask(client.margin_next_hourly_interest_rate, assets="BTC,USDT", isIsolated="FALSE")
    assert refused.value.code == -1022


async def test_loans_and_transfers_leave_records(client: Any) -> None:
    loan = {"asset": "USDT", "isIsolated": "FALSE", "amount": "12.5"}
    for kind in ("BORROW", "REPAY"):
        made = await _ask(client.margin_borrow_repay, **loan, type=kind)
        records = await _ask(client.margin_get_borrow_repay_records, type=kind, txId=made["tranId"])
        assert [row["amount"] for row in records["rows"]] == ["12.50000000"]
    moved = await _ask(client.make_universal_transfer, type="MAIN_MARGIN", asset="USDT", amount="7")
    history = await _ask(client.query_universal_transfer_history, type="MAIN_MARGIN")
    assert history["rows"][0]["tranId"] == moved["tranId"]
    flow = await _ask(client.get_margin_capital_flow, type="TRANSFER")
    assert flow[-1]["tranId"] == moved["tranId"]


async def test_orders_live_and_end(client: Any) -> None:
    sell = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01"}
    sold = await _ask(client.create_margin_order, **sell, type="MARKET", sideEffectType="AUTO_REPAY")
    assert sold["status"] == "FILLED"
    placed = await _ask(client.create_margin_order, **sell, type="LIMIT", timeInForce="GTC", price="90000")
    found = await _ask(client.get_margin_order, symbol="BTCUSDT", orderId=placed["orderId"])
    assert found["status"] == "NEW"
    assert len(await _ask(client.get_open_margin_orders)) == 1
    await _ask(client.cancel_margin_order, symbol="BTCUSDT", orderId=placed["orderId"])
    await _ask(client.create_margin_oco_order, **sell, price="90000", stopPrice="40000")
    (standing,) = await _ask(client.get_open_margin_oco_orders)
    await _ask(client.get_margin_oco_order, orderListId=standing["orderListId"])
    await _ask(client.cancel_margin_oco_order, symbol="BTCUSDT", orderListId=standing["orderListId"])
    with pytest.raises(BinanceAPIException) as nothing_open:
        await _ask(client.cancel_all_open_margin_orders, symbol="BTCUSDT")
    assert nothing_open.value.code == -2011


async def test_listen_tokens_are_made(client: Any) -> None:
    cross = await _ask(client.margin_create_listen_token)
    pair = await _ask(client.margin_create_listen_token, symbol="SOLUSDT", is_isolated=True)
    assert cross["token"] != pair["token"]
    assert cross["expirationTime"] > (await _ask(client.get_server_time))["serverTime"]


async def test_dust_becomes_bnb(client: Any, running: RunningSandbox) -> None:
    running.sandbox.user_actions.deposit("main", "ADA", Decimal(6), "cross")
    running.sandbox.user_actions.deposit("main", "DOGE", Decimal(20), "cross")
    listed = await _ask(client.get_dust_assets, accountType="MARGIN")
    assert [row["asset"] for row in listed["details"]] == ["ADA", "DOGE"]
    made = await _ask(client.transfer_dust, asset="ADA", accountType="MARGIN")
    assert [row["fromAsset"] for row in made["transferResult"]] == ["ADA"]
    log = await _ask(client.get_dust_log, accountType="MARGIN")
    assert log["total"] == 1


async def test_settings_change(client: Any) -> None:
    answer = await _ask(client.toggle_bnb_burn_spot_margin, spotBNBBurn="true", interestBNBBurn="true")
    assert answer == {"spotBNBBurn": True, "interestBNBBurn": True}
    assert (await _ask(client.margin_manual_liquidation, type="MARGIN"))["asset"] == "USDT"


LOAN: dict[str, object] = {"asset": "USDT", "amount": "1"}
RETIRED: list[tuple[str, dict[str, object]]] = [
    ("get_margin_asset", {"asset": "BTC"}),
    ("get_margin_symbol", {"symbol": "BTCUSDT"}),
    ("get_isolated_margin_symbol", {"symbol": "BTCUSDT"}),
    ("create_margin_loan", LOAN),
    ("repay_margin_loan", LOAN),
    ("get_margin_loan_details", {"asset": "USDT"}),
    ("get_margin_repay_details", {"asset": "USDT"}),
    ("transfer_spot_to_margin", LOAN),
    ("transfer_margin_to_spot", LOAN),
    ("transfer_spot_to_isolated_margin", {**LOAN, "symbol": "SOLUSDT"}),
    ("transfer_isolated_margin_to_spot", {**LOAN, "symbol": "SOLUSDT"}),
    ("get_isolated_margin_tranfer_history", {"symbol": "SOLUSDT"}),
    ("get_margin_dust_assets", {}),
    ("transfer_margin_dust", {"asset": "BTC"}),
    ("get_margin_dustlog", {}),
    ("margin_stream_get_listen_key", {}),
    ("margin_stream_keepalive", {"listenKey": "x"}),
    ("margin_stream_close", {"listenKey": "x"}),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_functions_of_retired_paths_fail_and_move_nothing(client: Any, running: RunningSandbox) -> None:
    before = running.sandbox.venue.movements[:]
    for name, params in RETIRED:
        with pytest.raises(BinanceAPIException) as refused:
            await _ask(getattr(client, name), **params)
        assert (refused.value.status_code, refused.value.code) == (404, 0), name
    assert running.sandbox.venue.movements == before
