"""The official SDK: its models parse every answer of the sandbox, and its requests are understood.

It logs a warning where an answer does not have the declared types, and raises on unreadable ones.
"""

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from binance_common.errors import BadRequestError, NotFoundError, UnauthorizedError

from tests.support.sandbox import RunningSandbox

Rest = Any


def rest_api(running: RunningSandbox, *, api_key: str | None = None) -> Rest:
    # Its models take a second, and each worker collects this module.
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_margin_trading.margin_trading import MarginTrading

    account = running.ready.accounts[0]
    configuration = ConfigurationRestAPI(
        api_key=api_key or account["api_key"],
        api_secret=account["api_secret"],
        base_path=running.ready.rest_url,
        timeout=10_000,
        retries=0,
    )
    return MarginTrading(config_rest_api=configuration).rest_api


async def _ask(call: Callable[..., Any], **params: object) -> Any:
    answer = await asyncio.to_thread(call, **params)
    return answer.data()


# Function of the SDK, its parameters, and fields that must come filled.
READS: list[tuple[str, dict[str, object], tuple[str, ...]]] = [
    ("query_cross_margin_account_details", {}, ("margin_level", "collateral_margin_level", "user_assets")),
    ("query_isolated_margin_account_info", {}, ("assets", "total_asset_of_btc")),
    ("query_isolated_margin_account_info", {"symbols": "SOLUSDT,BTCUSDT"}, ("assets",)),
    ("get_summary_of_margin_account", {}, ("normal_bar", "margin_call_bar", "force_liquidation_bar")),
    ("query_enabled_isolated_margin_account_limit", {}, ("enabled_account", "max_account")),
    ("get_bnb_burn_status", {}, ("spot_bnb_burn", "interest_bnb_burn")),
    ("query_cross_isolated_margin_capital_flow", {}, ("id", "tran_id", "timestamp", "asset", "type", "amount")),
    ("query_cross_margin_fee_data", {"coin": "BTC"}, ("coin", "daily_interest", "borrow_limit")),
    ("query_isolated_margin_fee_data", {"symbol": "BTCUSDT"}, ("symbol", "leverage", "data")),
    ("get_future_hourly_interest_rate", {"assets": "BTC,ETH", "is_isolated": "FALSE"}, ("next_hourly_interest_rate",)),
    ("get_interest_history", {}, ("rows", "total")),
    ("query_borrow_repay_records_in_margin_account", {"type": "REPAY"}, ("rows", "total")),
    ("query_margin_interest_rate_history", {"asset": "BTC"}, ("daily_interest_rate", "timestamp")),
    ("query_max_borrow", {"asset": "USDT"}, ("amount", "borrow_limit")),
    ("query_max_transfer_out_amount", {"asset": "USDT"}, ("amount",)),
    ("get_cross_margin_transfer_history", {}, ("rows", "total")),
    ("cross_margin_collateral_ratio", {}, ("collaterals", "asset_names")),
    ("get_all_cross_margin_pairs", {"symbol": "BTCUSDT"}, ("id", "base", "quote", "is_margin_trade")),
    ("get_all_isolated_margin_symbol", {"symbol": "BTCUSDT"}, ("base", "quote", "is_margin_trade")),
    ("get_all_margin_assets", {"asset": "ADA"}, ("asset_name", "user_min_repay", "delist_time")),
    ("get_delist_schedule", {}, ("delist_time", "cross_margin_assets", "isolated_margin_symbols")),
    ("get_list_schedule", {}, ("list_time", "cross_margin_assets", "isolated_margin_symbols")),
    ("get_limit_price_pairs", {}, ("cross_margin_symbols",)),
    ("get_margin_asset_risk_based_liquidation_ratio", {}, ("asset", "risk_based_liquidation_ratio")),
    ("get_margin_restricted_assets", {}, ("open_long_restricted_asset", "max_collateral_exceeded_asset")),
    ("query_isolated_margin_tier_data", {"symbol": "BTCUSDT"}, ("tier", "liquidation_risk_ratio")),
    ("query_margin_available_inventory", {"type": "MARGIN"}, ("assets", "update_time")),
    ("query_margin_priceindex", {"symbol": "BTCUSDT"}, ("calc_time", "price", "symbol")),
    ("get_force_liquidation_record", {}, ("rows", "total")),
    ("get_small_liability_exchange_coin_list", {}, ("asset", "principal", "liability_qty")),
    ("get_small_liability_exchange_history", {"current": 1, "size": 10}, ("rows", "total")),
    ("query_current_margin_order_count_usage", {}, ("rate_limit_type", "interval", "limit", "count")),
    ("query_margin_accounts_trade_list", {"symbol": "BTCUSDT", "from_id": 0}, ("id", "price", "is_buyer")),
    ("query_margin_accounts_all_orders", {"symbol": "BTCUSDT"}, ("order_id", "status", "cummulative_quote_qty")),
    ("query_liquidation_loan_repay_history", {}, ("rows", "total")),
]


@pytest.fixture(autouse=True)
def no_complaint(caplog: pytest.LogCaptureFixture) -> Any:
    """Fails a test in which the SDK complained about the types of an answer."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_every_read_parses_with_its_fields(running: RunningSandbox) -> None:
    rest = rest_api(running)
    for name, params, fields in READS:
        answer = await _ask(getattr(rest, name), **params)
        row = answer[0] if isinstance(answer, list) else getattr(answer, "actual_instance", None) or answer
        for field in fields:
            assert getattr(row, field) is not None, (name, field)


async def test_the_collateral_total_is_found_under_its_capital_letter(running: RunningSandbox) -> None:
    answer = await _ask(rest_api(running).query_cross_margin_account_details)
    assert answer.total_collateral_value_in_usdt is not None


async def test_borrowing_and_repaying_leave_records(running: RunningSandbox) -> None:
    rest = rest_api(running)
    for kind in ("BORROW", "REPAY"):
        made = await _ask(
            rest.margin_account_borrow_repay, asset="USDT", is_isolated="FALSE", symbol="", amount="12.5", type=kind
        )
        records = await _ask(rest.query_borrow_repay_records_in_margin_account, type=kind, tx_id=made.tran_id)
        assert [(row.amount, row.type, row.status) for row in records.rows] == [("12.50000000", "MANUAL", "CONFIRMED")]
    isolated = await _ask(
        rest.margin_account_borrow_repay, asset="USDT", is_isolated="TRUE", symbol="SOLUSDT", amount="5", type="REPAY"
    )
    records = await _ask(rest.query_borrow_repay_records_in_margin_account, type="REPAY", isolated_symbol="SOLUSDT")
    assert [row.tx_id for row in records.rows] == [isolated.tran_id]


async def test_orders_live_and_end(running: RunningSandbox) -> None:
    rest = rest_api(running)
    sell = {"symbol": "BTCUSDT", "side": "SELL", "quantity": 0.01}
    sold = await _ask(rest.margin_account_new_order, **sell, type="MARKET", side_effect_type="AUTO_REPAY")
    assert (sold.status, sold.fills[0].commission_asset) == ("FILLED", "USDT")
    placed = await _ask(
        rest.margin_account_new_order, **sell, type="LIMIT", time_in_force="GTC", price=90000.0,
        new_client_order_id="ours",
    )  # fmt: skip
    found = await _ask(rest.query_margin_accounts_order, symbol="BTCUSDT", orig_client_order_id="ours")
    assert (found.order_id, found.status) == (placed.order_id, "NEW")
    (resting,) = await _ask(rest.query_margin_accounts_open_orders)
    assert resting.order_id == placed.order_id
    ended = await _ask(rest.margin_account_cancel_order, symbol="BTCUSDT", order_id=placed.order_id)
    assert (ended.order_id, ended.status) == (str(placed.order_id), "CANCELED")


async def test_order_lists_live_and_end(running: RunningSandbox) -> None:
    rest = rest_api(running)
    placed = await _ask(
        rest.margin_account_new_oco, symbol="BTCUSDT", side="SELL", quantity=0.01, price=90000.0, stop_price=50000.0
    )
    assert [row.type for row in placed.order_reports] == ["STOP_LOSS", "LIMIT_MAKER"]
    (standing,) = await _ask(rest.query_margin_accounts_open_oco)
    looked = await _ask(rest.query_margin_accounts_oco, order_list_id=placed.order_list_id)
    assert standing.order_list_id == looked.order_list_id == placed.order_list_id
    ended = await _ask(rest.margin_account_cancel_oco, symbol="BTCUSDT", order_list_id=placed.order_list_id)
    assert ended.list_order_status == "ALL_DONE"
    chain = await _ask(
        rest.margin_account_new_oto, symbol="BTCUSDT", working_type="LIMIT", working_side="BUY",
        working_price=50000.0, working_quantity=0.01, working_iceberg_qty=0.0, working_time_in_force="GTC",
        pending_type="LIMIT", pending_side="SELL", pending_quantity=0.01, pending_price=90000.0,
        pending_time_in_force="GTC",
    )  # fmt: skip
    (open_chain,) = await _ask(rest.query_margin_accounts_open_otootoco_order_lists)
    assert [row.order_id for row in open_chain.orders] == [chain.orders[0].order_id, None]
    assert len(await _ask(rest.query_margin_accounts_all_oco)) == 2
    cancelled = await _ask(rest.margin_account_cancel_all_open_orders_on_a_symbol, symbol="BTCUSDT")
    assert len(cancelled) == 1
    assert await _ask(rest.query_prevented_matches, symbol="BTCUSDT", order_id=1) == []


async def test_risk_keys_open_extend_and_close(running: RunningSandbox) -> None:
    rest = rest_api(running)
    key = (await _ask(rest.start_user_data_stream)).listen_key
    await _ask(rest.keepalive_user_data_stream, listen_key=key)
    await _ask(rest.close_user_data_stream)
    second = (await _ask(rest.start_user_data_stream_v2)).listen_key
    await _ask(rest.keepalive_user_data_stream_v2, listen_key=second)
    await _ask(rest.close_user_data_stream_v2)


async def test_settings_and_small_debts_change(running: RunningSandbox) -> None:
    rest = rest_api(running)
    assert (await _ask(rest.adjust_cross_margin_max_leverage, max_leverage=5)).success is True
    assert (await _ask(rest.get_summary_of_margin_account)).normal_bar == "1.25"
    await _ask(rest.small_liability_exchange, asset_names="XRP")
    history = await _ask(rest.get_small_liability_exchange_history, current=1, size=10)
    assert [(row.asset, row.target_asset) for row in history.rows] == [("XRP", "USDT")]
    answer = await _ask(rest.margin_manual_liquidation, type="MARGIN")
    assert answer.asset == "USDT"


async def test_refusals_and_retired_paths_arrive_as_errors(running: RunningSandbox) -> None:
    rest = rest_api(running)
    with pytest.raises(BadRequestError) as refused:
        await _ask(
            rest.margin_account_borrow_repay, asset="USDT", is_isolated="FALSE", symbol="", amount="99999", type="REPAY"
        )
    assert refused.value.status_code == -3015
    with pytest.raises(NotFoundError):
        await _ask(rest.query_liability_coin_leverage_bracket_in_cross_margin_pro_mode)
    with pytest.raises(UnauthorizedError):
        await _ask(rest_api(running, api_key="a" * 64).get_bnb_burn_status)


async def test_weights_stand_in_headers_that_the_sdk_itself_does_not_read(running: RunningSandbox) -> None:
    answer = await asyncio.to_thread(rest_api(running).query_max_borrow, asset="USDT")
    assert answer.headers["X-SAPI-USED-UID-WEIGHT-1M"] == "750"
    assert answer.rate_limits == []


async def test_pairs_of_pending_orders_are_placed(running: RunningSandbox) -> None:
    placed = await _ask(
        rest_api(running).margin_account_new_otoco, symbol="BTCUSDT", working_type="LIMIT", working_side="BUY",
        working_price=50000.0, working_quantity=0.01, working_time_in_force="GTC", pending_side="SELL",
        pending_quantity=0.01, pending_above_type="LIMIT_MAKER", pending_above_price=90000.0,
        pending_below_type="STOP_LOSS", pending_below_stop_price=40000.0,
    )  # fmt: skip
    assert [row.status for row in placed.order_reports] == ["NEW", "PENDING_NEW", "PENDING_NEW"]


async def test_a_pair_is_disabled_once_a_day(running: RunningSandbox) -> None:
    rest, hand = rest_api(running), running.sandbox.user_actions
    hand.transfer("main", "ISOLATEDMARGIN_MARGIN", "SOL", Decimal(1), "SOLUSDT")
    with pytest.raises(BadRequestError):
        await _ask(rest.disable_isolated_margin_account, symbol="SOLUSDT")
    hand.transfer("main", "MARGIN_ISOLATEDMARGIN", "BTC", Decimal("0.01"), None, "BTCUSDT")
    hand.transfer("main", "ISOLATEDMARGIN_MARGIN", "BTC", Decimal("0.01"), "BTCUSDT")
    assert (await _ask(rest.disable_isolated_margin_account, symbol="BTCUSDT")).success is True
    assert (await _ask(rest.enable_isolated_margin_account, symbol="BTCUSDT")).symbol == "BTCUSDT"
    with pytest.raises(BadRequestError):
        await _ask(rest.disable_isolated_margin_account, symbol="BTCUSDT")


async def test_the_loan_of_a_bankruptcy_is_repaid_from_spot(running: RunningSandbox) -> None:
    rest, hand = rest_api(running), running.sandbox.user_actions
    hand.deposit("main", "USDC", Decimal(500))
    hand.set_price("BTCUSDT", Decimal(10_000))
    loan = await _ask(rest.query_liquidation_loan)
    assert (loan.asset, loan.repaid_amount) == ("USDC", "0.00000000")
    made = await _ask(rest.liquidation_loan_repay, asset="USDC", amount=100.0)
    history = await _ask(rest.query_liquidation_loan_repay_history)
    assert [(row.repay_id, row.amount) for row in history.rows] == [(made.repay_id, "100.00000000")]
