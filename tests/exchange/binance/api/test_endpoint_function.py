"""Functions of the API by their familiar names, with the exchange's parameters."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monitor.exchange.binance.api.catalogue import ALIASES, FUNCTIONS
from monitor.exchange.binance.api.endpoint_function import WriteFunction

FAMILIAR = """
get_margin_account get_isolated_margin_account get_margin_asset get_margin_symbol get_margin_all_assets
get_margin_all_pairs get_isolated_margin_symbol get_isolated_margin_all_symbols create_margin_order
cancel_margin_order get_margin_order get_open_margin_orders get_all_margin_orders get_margin_trades
create_margin_loan repay_margin_loan get_margin_loan_details get_margin_repay_details get_margin_interest_history
get_margin_force_liquidation_record margin_stream_get_listen_key margin_stream_keepalive margin_stream_close
transfer_spot_to_margin transfer_margin_to_spot transfer_spot_to_isolated_margin transfer_isolated_margin_to_spot
get_max_margin_loan get_max_margin_transfer get_margin_price_index get_margin_fee get_isolated_margin_fee
get_margin_dribblet margin_dust_log get_cross_margin_collateral_ratio get_margin_interest_rate_history
"""

RETIRED = {
    "/sapi/v1/margin/loan", "/sapi/v1/margin/repay", "/sapi/v1/margin/isolated/transfer", "/sapi/v1/margin/asset",
    "/sapi/v1/margin/pair", "/sapi/v1/margin/isolated/pair", "/sapi/v1/margin/dribblet", "/sapi/v1/margin/dust",
    "/sapi/v1/userDataStream", "/sapi/v1/userDataStream/isolated", "/api/v3/userDataStream",
    "/sapi/v1/margin/leverageBracket",
}  # fmt: skip


def test_all_familiar_names_are_there() -> None:
    names = set(FAMILIAR.split())
    assert len(names) == 36
    assert names <= set(FUNCTIONS)


def test_no_function_uses_a_retired_endpoint() -> None:
    assert not {function.endpoint.path for function in FUNCTIONS.values()} & RETIRED
    posts = {function.endpoint.path for function in FUNCTIONS.values() if function.endpoint.method == "POST"}
    assert "/sapi/v1/margin/transfer" not in posts


def test_another_name_never_hides_a_function() -> None:
    assert not set(ALIASES) & set(FUNCTIONS)
    assert set(ALIASES.values()) <= set(FUNCTIONS)


def test_every_function_says_what_it_is_for() -> None:
    assert all(function.summary.endswith((".", "…")) for function in FUNCTIONS.values())


def test_everything_that_is_no_read_is_a_change() -> None:
    harmless = {"POST /sapi/v1/asset/dust-btc", "POST /sapi/v3/asset/getUserAsset", "POST /sapi/v1/userListenToken"}
    harmless |= {"POST /sapi/v1/asset/get-funding-asset"}
    for function in FUNCTIONS.values():
        if function.endpoint.method in ("POST", "PUT", "DELETE") and function.endpoint.name not in harmless:
            assert isinstance(function, WriteFunction), function.name


@pytest.mark.parametrize("word", ["isolatedSymbol", "isolated_symbol"])
def test_parameters_are_known_in_both_spellings(word: str) -> None:
    parameter = FUNCTIONS["get_max_margin_loan"].find_parameter(word)
    assert parameter is not None and parameter.name == "isolatedSymbol"


def test_limit_of_old_means_size_where_pages_are_numbered() -> None:
    for name in ("get_margin_interest_history", "get_margin_loan_details", "get_margin_force_liquidation_record"):
        parameter = FUNCTIONS[name].find_parameter("limit")
        assert parameter is not None and parameter.name == "size"
    assert FUNCTIONS["get_margin_interest_rate_history"].find_parameter("limit") is None


def test_names_imply_parameters() -> None:
    assert FUNCTIONS["repay_margin_loan"].request_params({"asset": "USDT", "amount": "1"}) == {
        "asset": "USDT",
        "amount": "1",
        "isIsolated": "FALSE",
        "type": "REPAY",
    }
    assert FUNCTIONS["repay_margin_loan"].request_params({"asset": "USDT", "amount": "1", "symbol": "BTCUSDT"}) == {
        "asset": "USDT",
        "amount": "1",
        "isIsolated": "TRUE",
        "symbol": "BTCUSDT",
        "type": "REPAY",
    }
    assert FUNCTIONS["margin_stream_keepalive"].request_params({"listenKey": "x", "symbol": "BTCUSDT"}) == {
        "symbol": "BTCUSDT",
        "isIsolated": "true",
    }


@pytest.mark.parametrize(("effect", "weight"), [(None, 6), ("AUTO_REPAY", 6), ("MARGIN_BUY", 1500)])
def test_borrowing_order_has_a_higher_weight(effect: str | None, weight: int) -> None:
    function = FUNCTIONS["create_margin_order"]
    assert function.with_weight(function.request_params({"sideEffectType": effect})).weight == weight


def test_python_values_are_spelled_as_the_venue_wants_them() -> None:
    function = FUNCTIONS["get_margin_next_hourly_interest_rate"]
    assert function._build_request(assets=["BTC", "ETH"], is_isolated=False)[1] == {
        "assets": "BTC,ETH",
        "isIsolated": "FALSE",
    }
    function = FUNCTIONS["set_bnb_burn"]
    assert function._build_request(interest_bnb_burn=False)[1] == {"interestBNBBurn": "false"}
    function = FUNCTIONS["transfer_spot_to_margin"]
    asked = function._build_request(asset="BTC", amount=Decimal("1E-8"))[1]
    assert asked == {"asset": "BTC", "amount": "0.00000001", "type": "MAIN_MARGIN"}
    function = FUNCTIONS["margin_dust_log"]
    assert function._build_request(start_time=datetime(2026, 1, 1, tzinfo=UTC))[1]["startTime"] == 1767225600000
