"""Every example of the official documentation, decoded as its function's answer."""

import json
from decimal import Decimal
from typing import Any

import pytest

from monitor.exchange.binance.api.catalogue import FUNCTIONS
from monitor.exchange.binance.wire.accounts import CrossAccountPayload, ThresholdsPayload
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.loans import SmallLiabilityRow
from monitor.exchange.binance.wire.numbers import ImplausibleValue
from monitor.exchange.binance.wire.orders import CancelledOrderPayload, NewOrderPayload, OrderListRow
from monitor.exchange.binance.wire.stream_keys import ListenKeyPayload
from tests.support.examples.payloads import documented, documented_examples

ANSWERED_BY = {
    "test_adjust_cross_margin_max_leverage_success": "set_margin_max_leverage",
    "test_disable_isolated_margin_account_success": "disable_isolated_margin_account",
    "test_get_bnb_burn_status_success": "get_bnb_burn",
    "test_get_summary_of_margin_account_success": "get_margin_trade_coeff",
    "test_query_cross_isolated_margin_capital_flow_success": "get_margin_capital_flow",
    "test_query_cross_margin_account_details_success": "get_margin_account",
    "test_query_cross_margin_fee_data_success": "get_margin_fee",
    "test_query_enabled_isolated_margin_account_limit_success": "get_isolated_margin_account_limit",
    "test_query_isolated_margin_account_info_success": "get_isolated_margin_account",
    "test_query_isolated_margin_fee_data_success": "get_isolated_margin_fee",
    "test_get_future_hourly_interest_rate_success": "get_margin_next_hourly_interest_rate",
    "test_get_interest_history_success": "get_margin_interest_history",
    "test_margin_account_borrow_repay_success": "repay_margin_loan",
    "test_query_borrow_repay_records_in_margin_account_success": "get_margin_repay_details",
    "test_query_margin_interest_rate_history_success": "get_margin_interest_rate_history",
    "test_query_max_borrow_success": "get_max_margin_loan",
    "test_cross_margin_collateral_ratio_success": "get_cross_margin_collateral_ratio",
    "test_get_all_cross_margin_pairs_success": "get_margin_all_pairs",
    "test_get_all_isolated_margin_symbol_success": "get_isolated_margin_all_symbols",
    "test_get_all_margin_assets_success": "get_margin_all_assets",
    "test_get_delist_schedule_success": "get_margin_delist_schedule",
    "test_get_limit_price_pairs_success": "get_margin_limit_price_pairs",
    "test_get_list_schedule_success": "get_margin_list_schedule",
    "test_get_margin_asset_risk_based_liquidation_ratio_success": "get_margin_risk_based_liquidation_ratio",
    "test_get_margin_restricted_assets_success": "get_margin_restricted_assets",
    "test_query_isolated_margin_tier_data_success": "get_isolated_margin_tier",
    "test_query_margin_available_inventory_success": "get_margin_available_inventory",
    "test_query_margin_priceindex_success": "get_margin_price_index",
    "test_get_force_liquidation_record_success": "get_margin_force_liquidation_record",
    "test_get_small_liability_exchange_coin_list_success": "get_margin_small_liabilities",
    "test_get_small_liability_exchange_history_success": "get_margin_small_liability_history",
    "test_liquidation_loan_repay_success": "repay_margin_liquidation_loan",
    "test_margin_account_cancel_all_open_orders_on_a_symbol_success": "cancel_all_open_margin_orders",
    "test_margin_account_cancel_order_success": "cancel_margin_order",
    "test_margin_account_new_order_success": "create_margin_order",
    "test_query_current_margin_order_count_usage_success": "get_margin_order_rate_limit",
    "test_query_liquidation_loan_success": "get_margin_liquidation_loan",
    "test_query_liquidation_loan_repay_history_success": "get_margin_liquidation_loan_repayments",
    "test_query_margin_accounts_all_orders_success": "get_all_margin_orders",
    "test_query_margin_accounts_open_oco_success": "get_open_margin_oco_orders",
    "test_query_margin_accounts_open_orders_success": "get_open_margin_orders",
    "test_query_margin_accounts_order_success": "get_margin_order",
    "test_query_margin_accounts_trade_list_success": "get_margin_trades",
    "test_query_prevented_matches_success": "get_margin_prevented_matches",
    "test_get_cross_margin_transfer_history_success": "get_margin_transfer_history",
    "test_query_max_transfer_out_amount_success": "get_max_margin_transfer",
}
SHAPED_AS: dict[str, Any] = {
    "test_margin_account_cancel_oco_success": OrderListRow,
    "test_margin_account_new_oco_success": OrderListRow,
    "test_margin_account_new_oto_success": OrderListRow,
    "test_margin_account_new_otoco_success": OrderListRow,
    "test_query_margin_accounts_all_oco_success": tuple[OrderListRow, ...],
    "test_query_margin_accounts_oco_success": OrderListRow,
    "test_margin_manual_liquidation_success": SmallLiabilityRow,
    "test_start_user_data_stream_success": ListenKeyPayload,
}


NEVER_ASKED = {
    "test_create_special_key_success",
    "test_query_special_key_success",
    "test_query_special_key_list_success",
    "test_query_liability_coin_leverage_bracket_in_cross_margin_pro_mode_success",
}
"""Examples of requests that are never sent: keys that are secrets, and a mode that no longer exists."""


def answer_of(example: str) -> Any:
    """Return the type that the example is decoded as."""
    return SHAPED_AS[example] if example in SHAPED_AS else FUNCTIONS[ANSWERED_BY[example]].endpoint.answer


def test_every_documented_example_is_accounted_for() -> None:
    assert {example["test"] for example in documented_examples()} == {*ANSWERED_BY, *SHAPED_AS, *NEVER_ASKED}


@pytest.mark.parametrize("example", [*ANSWERED_BY, *SHAPED_AS])
def test_documented_example_decodes(example: str) -> None:
    decode(documented(example), answer_of(example))


@pytest.mark.parametrize("example", [*ANSWERED_BY, *SHAPED_AS])
def test_unknown_fields_are_ignored(example: str) -> None:
    decode(_added_to(json.loads(documented(example))), answer_of(example))


def test_numbers_where_texts_are_usual_keep_every_digit() -> None:
    order = json.loads(documented("test_margin_account_new_order_success"))
    assert decode(json.dumps(order).encode(), NewOrderPayload).margin_buy_borrow_amount == Decimal(5)
    listed = decode(documented("test_margin_account_new_oco_success"), OrderListRow)
    assert listed.margin_buy_borrow_amount == Decimal(5)
    small = documented("test_get_small_liability_exchange_coin_list_success").replace(
        b"0.3552", b"0.35520000000000000001"
    )
    (liability,) = decode(small, tuple[SmallLiabilityRow, ...])
    assert liability.liability_qty == Decimal("0.35520000000000000001")


@pytest.mark.parametrize("quantity", [b"1e400", b"1e-400", b"9" * 5000])
def test_absurd_numbers_are_rejected(quantity: bytes) -> None:
    body = documented("test_get_small_liability_exchange_coin_list_success").replace(b"0.3552", quantity)
    with pytest.raises(ImplausibleValue):
        decode(body, tuple[SmallLiabilityRow, ...])


def test_cancelled_orders_number_may_be_a_text() -> None:
    cancelled = decode(documented("test_margin_account_cancel_order_success"), CancelledOrderPayload)
    assert cancelled.order_id == 28


def test_long_ids_keep_every_digit() -> None:
    body = documented("test_get_interest_history_success").replace(b"1352286576452864800", b"1352286576452864727")
    page = decode(body, FUNCTIONS["get_margin_interest_history"].endpoint.answer)
    assert page.rows[0].tx_id == 1352286576452864727
    assert page.rows[0].charged_at.isoformat() == "2022-12-27T17:00:00+00:00"


@pytest.mark.parametrize(
    ("example", "field", "moment"),
    [
        ("test_get_all_margin_assets_success", "delist_time", "2024-01-11T11:37:20+00:00"),
        ("test_get_all_cross_margin_pairs_success", "delist_time", "2024-01-11T11:37:20+00:00"),
        ("test_get_delist_schedule_success", "delist_time", "2023-06-07T18:06:42+00:00"),
    ],
)
def test_seconds_and_milliseconds_are_distinguished(example: str, field: str, moment: str) -> None:
    (row,) = decode(documented(example), answer_of(example))
    assert getattr(row, field).isoformat() == moment


def test_inventory_is_dated_in_seconds() -> None:
    inventory = decode(
        documented("test_query_margin_available_inventory_success"),
        answer_of("test_query_margin_available_inventory_success"),
    )
    assert inventory.update_time.isoformat() == "2023-11-06T12:08:07+00:00"
    assert inventory.assets["SHIB"] == 4_000_000


@pytest.mark.parametrize("spelling", ["TotalCollateralValueInUSDT", "totalCollateralValueInUSDT"])
def test_collateral_is_read_in_either_spelling(spelling: str) -> None:
    body = documented("test_query_cross_margin_account_details_success").replace(
        b"TotalCollateralValueInUSDT", spelling.encode()
    )
    assert decode(body, CrossAccountPayload).total_collateral_value_in_usdt == "5.82728457"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"normalBar": "1.5"', b'"normalBar": "NaN"'),
        (b'"normalBar": "1.5"', b'"normalBar": 1.5'),
        (b'"normalBar": "1.5"', b'"normalBar": null'),
        (b'"normalBar": "1.5"', b'"normalBar": "-1.5"'),
        (b'"normalBar": "1.5", ', b""),
        (b'"marginCallBar": "1.3"', b'"marginCallBar": "Infinity"'),
    ],
)
def test_invalid_amounts_are_rejected(was: bytes, becomes: bytes) -> None:
    body = documented("test_get_summary_of_margin_account_success")
    assert was in body
    with pytest.raises(ImplausibleValue):
        decode(body.replace(was, becomes, 1), ThresholdsPayload)


def _added_to(document: Any) -> bytes:
    def add(value: Any) -> Any:
        match value:
            case {"MATIC": _}:
                return value
            case dict():
                return {**{name: add(part) for name, part in value.items()}, "newToday": {"x": [1, None]}}
            case list():
                return [add(part) for part in value]
        return value

    return json.dumps(add(document)).encode()
