"""An example of every answer of the margin API, in its documented form, decoded as its function's answer."""

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
from tests.support.examples.payloads import example_answer, example_answers

ASKED = {f"{one.endpoint.method} {one.endpoint.path}": one.endpoint.answer for one in FUNCTIONS.values()}
SHAPED_AS: dict[str, Any] = {
    "POST /sapi/v1/margin/order/oco": OrderListRow,
    "POST /sapi/v1/margin/order/oto": OrderListRow,
    "POST /sapi/v1/margin/order/otoco": OrderListRow,
    "DELETE /sapi/v1/margin/orderList": OrderListRow,
    "GET /sapi/v1/margin/orderList": OrderListRow,
    "GET /sapi/v1/margin/allOrderList": tuple[OrderListRow, ...],
    "POST /sapi/v1/margin/manual-liquidation": SmallLiabilityRow,
    "POST /sapi/v1/margin/listen-key": ListenKeyPayload,
}
"""Answers that no function of the catalogue asks for."""

WITHOUT_EXAMPLE = {"POST /sapi/v1/margin/exchange-small-liability", "POST /sapi/v1/margin/isolated/account"}
"""Answers whose form is not documented."""


def answer_of(example: str) -> Any:
    """Return the type that the example is decoded as."""
    return SHAPED_AS[example] if example in SHAPED_AS else ASKED[example]


def test_every_endpoint_of_the_margin_api_has_an_example() -> None:
    margin = {endpoint for endpoint in ASKED if " /sapi/v1/margin/" in endpoint}
    assert margin - example_answers().keys() == WITHOUT_EXAMPLE
    assert example_answers().keys() - margin == {*SHAPED_AS, "GET /sapi/v1/bnbBurn"}


@pytest.mark.parametrize("example", example_answers())
def test_example_decodes(example: str) -> None:
    decode(example_answer(example), answer_of(example))


@pytest.mark.parametrize("example", example_answers())
def test_unknown_fields_are_ignored(example: str) -> None:
    decode(_added_to(json.loads(example_answer(example))), answer_of(example))


def test_numbers_where_texts_are_usual_keep_every_digit() -> None:
    order = json.loads(example_answer("POST /sapi/v1/margin/order"))
    assert decode(json.dumps(order).encode(), NewOrderPayload).margin_buy_borrow_amount == Decimal("12.5")
    listed = decode(example_answer("POST /sapi/v1/margin/order/oco"), OrderListRow)
    assert listed.margin_buy_borrow_amount == Decimal("2.5")
    small = example_answer("GET /sapi/v1/margin/exchange-small-liability").replace(b"0.9375", b"0.93750000000000000001")
    (liability,) = decode(small, tuple[SmallLiabilityRow, ...])
    assert liability.liability_qty == Decimal("0.93750000000000000001")


@pytest.mark.parametrize("quantity", [b"1e400", b"1e-400", b"9" * 5000])
def test_absurd_numbers_are_rejected(quantity: bytes) -> None:
    body = example_answer("GET /sapi/v1/margin/exchange-small-liability").replace(b"0.9375", quantity)
    with pytest.raises(ImplausibleValue):
        decode(body, tuple[SmallLiabilityRow, ...])


def test_cancelled_orders_number_may_be_a_text() -> None:
    cancelled = decode(example_answer("DELETE /sapi/v1/margin/order"), CancelledOrderPayload)
    assert cancelled.order_id == 7700000002


def test_long_ids_keep_every_digit() -> None:
    body = example_answer("GET /sapi/v1/margin/interestHistory")
    page = decode(body, FUNCTIONS["get_margin_interest_history"].endpoint.answer)
    assert page.rows[0].tx_id == 2400000000000000017
    assert page.rows[0].charged_at.isoformat() == "2026-08-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("example", "field", "moment"),
    [
        ("GET /sapi/v1/margin/allAssets", "delist_time", "2026-08-01T16:00:00+00:00"),
        ("GET /sapi/v1/margin/allPairs", "delist_time", "2026-08-01T16:00:00+00:00"),
        ("GET /sapi/v1/margin/delist-schedule", "delist_time", "2026-08-01T16:00:00+00:00"),
    ],
)
def test_seconds_and_milliseconds_are_distinguished(example: str, field: str, moment: str) -> None:
    (row,) = decode(example_answer(example), answer_of(example))
    assert getattr(row, field).isoformat() == moment


def test_inventory_is_dated_in_seconds() -> None:
    endpoint = "GET /sapi/v1/margin/available-inventory"
    inventory = decode(example_answer(endpoint), answer_of(endpoint))
    assert inventory.update_time.isoformat() == "2026-08-01T12:00:00+00:00"
    assert inventory.assets["SOL"] == Decimal("41000.5")


@pytest.mark.parametrize("spelling", ["TotalCollateralValueInUSDT", "totalCollateralValueInUSDT"])
def test_collateral_is_read_in_either_spelling(spelling: str) -> None:
    body = example_answer("GET /sapi/v1/margin/account").replace(b"TotalCollateralValueInUSDT", spelling.encode())
    assert decode(body, CrossAccountPayload).total_collateral_value_in_usdt == "56012.50000000"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"normalBar": "1.25"', b'"normalBar": "NaN"'),
        (b'"normalBar": "1.25"', b'"normalBar": 1.25'),
        (b'"normalBar": "1.25"', b'"normalBar": null'),
        (b'"normalBar": "1.25"', b'"normalBar": "-1.25"'),
        (b'"normalBar": "1.25", ', b""),
        (b'"marginCallBar": "1.16"', b'"marginCallBar": "Infinity"'),
    ],
)
def test_invalid_amounts_are_rejected(was: bytes, becomes: bytes) -> None:
    body = example_answer("GET /sapi/v1/margin/tradeCoeff")
    assert was in body
    with pytest.raises(ImplausibleValue):
        decode(body.replace(was, becomes, 1), ThresholdsPayload)


def _added_to(document: Any) -> bytes:
    def add(value: Any) -> Any:
        match value:
            case {"DOGE": _}:
                return value
            case dict():
                return {**{name: add(part) for name, part in value.items()}, "newToday": {"x": [1, None]}}
            case list():
                return [add(part) for part in value]
        return value

    return json.dumps(add(document)).encode()
