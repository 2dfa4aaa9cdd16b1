"""The documented example of each answer decodes; unknown fields are ignored, wrong types named."""

import json

import pytest

from monitor.exchange.binance.wire.accounts import CrossAccountPayload
from monitor.exchange.binance.wire.decoding import decode, decode_error
from monitor.exchange.binance.wire.market_data import ServerTimePayload
from monitor.exchange.binance.wire.numbers import ImplausibleValue
from monitor.exchange.binance.wire.stream_keys import ListenKeyPayload
from tests.support.examples.payloads import cross_account, example_answer


def test_key_of_a_stream_decodes() -> None:
    assert decode(example_answer("POST /sapi/v1/margin/listen-key"), ListenKeyPayload).listen_key.startswith(
        "an-example"
    )


def test_unknown_fields_are_ignored() -> None:
    document = cross_account(somethingNew={"a": [1]})
    document["userAssets"][0]["moreNew"] = None
    assert decode(json.dumps(document).encode(), CrossAccountPayload).user_assets[0].asset == "BTC"


def test_wrong_type_is_named_by_its_place() -> None:
    document = cross_account()
    document["userAssets"][2]["free"] = 1.5
    with pytest.raises(ImplausibleValue, match=r"\$\.userAssets\[2\]\.free"):
        decode(json.dumps(document).encode(), CrossAccountPayload)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"serverTime":NaN}', b'{"serverTime":1e3}', b"null", b"[]"])
def test_invalid_answer_is_rejected(body: bytes) -> None:
    with pytest.raises(ImplausibleValue, match="unreadable"):
        decode(body, ServerTimePayload)


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000 + b"]" * 200_000, b'{"serverTime":1,"new":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_001],
    ids=["lists", "in a field that nobody knows"],
)
def test_endlessly_nested_json_is_rejected(body: bytes) -> None:
    with pytest.raises(ImplausibleValue, match="unreadable"):
        decode(body, ServerTimePayload)
    assert decode_error(body) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [(b'{"code":-1121,"msg":"x"}', -1121), (b'{"code":-1}', -1), (b"<html>", None), (b'{"code":"x"}', None)],
)
def test_error_is_read_where_there_is_one(body: bytes, code: int | None) -> None:
    error = decode_error(body)
    assert (error.code if error else None) == code
