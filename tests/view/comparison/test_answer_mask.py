"""Answers of the exchange in a bundle: ratios stay, amounts are scaled, everything unknown is hidden."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from monitor.view.comparison.answer_mask import ReceivedAnswer, mask_answer
from monitor.view.comparison.scaling import AmountScaler

D = Decimal


def factors(*values: str) -> Callable[[], Decimal]:
    drawn = iter(values)
    return lambda: D(next(drawn))


def scaler_of(*values: str) -> AmountScaler:
    """A scaler of these factors, whose errors are none."""
    return AmountScaler(factors(*values), lambda: D("0.5"))


def mask(endpoint: str, content: object, scaler: AmountScaler, **parameters: str | int) -> Any:
    body = json.dumps(content).encode()
    return mask_answer(ReceivedAnswer(endpoint, parameters, body), "account-1", scaler)["answer"]


def test_amounts_of_a_scope_keep_their_ratio_and_levels_stay() -> None:
    row = {"asset": "BTC", "free": "2.5", "borrowed": "0.5", "interest": "0.00000000", "netAsset": "2.0"}
    answer = {"marginLevel": "5.00000000", "totalAssetOfBtc": "2.5", "userAssets": [row]}
    masked = mask("GET /sapi/v1/margin/account", answer, scaler_of("3"))
    assert masked == {
        "marginLevel": "5.00000000",
        "totalAssetOfBtc": "7.5",
        "userAssets": [{"asset": "BTC", "free": "7.5", "borrowed": "1.5", "interest": "0.00000000", "netAsset": "6"}],
    }


def test_each_pair_has_a_factor_of_its_own_in_both_answers_that_name_it() -> None:
    scaler = scaler_of("2", "7", "11")
    pairs = {
        "assets": [
            {"symbol": symbol, "baseAsset": {"asset": "BTC", "free": "1"}, "indexPrice": "30000.0"}
            for symbol in ("BTCUSDT", "ETHUSDT")
        ],
        "totalAssetOfBtc": "1",
    }
    masked = mask("GET /sapi/v1/margin/isolated/account", pairs, scaler)
    assert [row["baseAsset"]["free"] for row in masked["assets"]] == ["2", "7"]
    assert (masked["assets"][0]["indexPrice"], masked["totalAssetOfBtc"]) == ("30000.0", "11")
    charges = {"rows": [{"asset": "BTC", "interest": "3", "isolatedSymbol": "BTCUSDT"}]}
    masked = mask("GET /sapi/v1/margin/interestHistory", charges, scaler, isolatedSymbol="BTCUSDT")
    assert masked["rows"][0]["interest"] == "6"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("txId", 1352286576452864727, "***"),
        ("email", "anna@mail", "***"),
        ("vipLevel", 3, "***"),
        ("interestAccuredTime", 1672161234567, 1672160400000),
        ("free", "NaN", "***"),
        ("free", True, "***"),
        ("type", "PERIODIC", "PERIODIC"),
        ("type", "words of more than one kind", "***"),
        ("enabled", True, True),
        ("tier", 3, "***"),
        ("marginRatio", "5.0", "***"),
        ("baseAssetMaxBorrowable", "9.0", "***"),
        ("collateralMarginLevel", "3.19999999", "***"),
        ("TotalCollateralValueInUSDT", "130000000", "***"),
        ("amount", "12.5", "***"),
        ("interest", "0.00000012", "small"),
        ("interest", "-0.00999999", "small"),
    ],
)
def test_field_is_shown_only_when_it_is_known_to_be_harmless(field: str, value: object, shown: object) -> None:
    masked = mask("GET /x", {"rows": [{field: value}]}, scaler_of("2"))
    assert masked == {"rows": [{field: shown}]}


def test_answer_that_is_no_json_is_left_out_with_its_size() -> None:
    answer = ReceivedAnswer("GET /x", {"asset": "BTC", "startTime": 1}, b"<html>")
    masked = mask_answer(answer, "account-1", scaler_of())
    assert masked == {"endpoint": "GET /x", "parameters": {"asset": "BTC"}, "answer": "no JSON, 6 bytes"}
