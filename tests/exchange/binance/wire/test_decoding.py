"""The documented example of each answer decodes; unknown fields are ignored, wrong types named."""

import json
from typing import Any

import pytest

from monitor.exchange.binance.wire.accounts_text import CrossAccount, IsolatedAccount, TierRow, TradeCoeff
from monitor.exchange.binance.wire.decoding import decode, error_of
from monitor.exchange.binance.wire.histories_text import InterestPage, LiquidationPage, LoanPage, TranId
from monitor.exchange.binance.wire.market_text import ServerTime
from monitor.exchange.binance.wire.numbers import Implausible
from monitor.exchange.binance.wire.stream_keys import ListenKey
from tests.support.examples.payloads import cross_account, documented


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        ("test_query_cross_margin_account_details_success", CrossAccount),
        ("test_query_isolated_margin_account_info_success", IsolatedAccount),
        ("test_get_summary_of_margin_account_success", TradeCoeff),
        ("test_query_isolated_margin_tier_data_success", list[TierRow]),
        ("test_get_interest_history_success", InterestPage),
        ("test_query_borrow_repay_records_in_margin_account_success", LoanPage),
        ("test_margin_account_borrow_repay_success", TranId),
        ("test_get_force_liquidation_record_success", LiquidationPage),
        ("test_start_user_data_stream_success", ListenKey),
    ],
)
def test_documented_example_decodes(test: str, kind: Any) -> None:
    assert decode(documented(test), kind)


def test_unknown_fields_are_ignored() -> None:
    document = cross_account(somethingNew={"a": [1]})
    document["userAssets"][0]["moreNew"] = None
    assert decode(json.dumps(document).encode(), CrossAccount).user_assets[0].asset == "BTC"


def test_wrong_type_is_named_by_its_place() -> None:
    document = cross_account()
    document["userAssets"][2]["free"] = 1.5
    with pytest.raises(Implausible, match=r"\$\.userAssets\[2\]\.free"):
        decode(json.dumps(document).encode(), CrossAccount)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"serverTime":NaN}', b'{"serverTime":1e3}', b"null", b"[]"])
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(Implausible, match="unreadable"):
        decode(body, ServerTime)


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000 + b"]" * 200_000, b'{"serverTime":1,"new":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_001],
    ids=["lists", "in a field that nobody knows"],
)
def test_what_is_nested_without_end_is_refused(body: bytes) -> None:
    with pytest.raises(Implausible, match="unreadable"):
        decode(body, ServerTime)
    assert error_of(body) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [(b'{"code":-1121,"msg":"x"}', -1121), (b'{"code":-1}', -1), (b"<html>", None), (b'{"code":"x"}', None)],
)
def test_error_is_read_where_there_is_one(body: bytes, code: int | None) -> None:
    error = error_of(body)
    assert (error.code if error else None) == code
