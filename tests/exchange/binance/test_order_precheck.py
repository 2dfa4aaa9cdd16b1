"""Trading rules as the exchange lists them, and orders that it could only refuse."""

from dataclasses import replace

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.order import CancelOrders, Reduce, Refused
from monitor.core.model.symbols import TradingRules
from monitor.exchange.binance.order_precheck import precheck_order
from tests.support.connected_sandbox import connected_sandbox
from tests.support.examples.actions import D

ORDER = Reduce(CROSS, "USDT", D(600), "BTCUSDT", "SELL", D("0.01"), D(59_400), "BTC", "mm-1-1")


async def test_the_symbols_between_assets_are_read_with_their_rules() -> None:
    async with connected_sandbox() as w:
        found = (await w.account.reference_data.read_symbol_rules({"BTC", "ETH", "USDT", "NOSUCH"}, [])).content
        pair = w.sandbox.venue.listings.pairs["BTCUSDT"]
    assert set(found) == {"BTCUSDT", "ETHUSDT", "ETHBTC"}
    assert found["BTCUSDT"] == TradingRules(
        "BTCUSDT", "BTC", "USDT", pair.tick, pair.step, pair.step, D(9_000_000), pair.min_notional, D(9_000_000)
    )


async def test_isolated_only_pair_is_not_tradable_in_cross() -> None:
    async with connected_sandbox() as w:
        found = (await w.account.reference_data.read_symbol_rules(set(), ["BTCUSDT"])).content
    assert (set(found), found["BTCUSDT"].is_in_cross) == ({"BTCUSDT"}, False)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (replace(ORDER, quantity=D(0)), -1130),
        (replace(ORDER, price=D("-1")), -1130),
        (replace(ORDER, quantity=D("0.123456789")), -1111),
    ],
)
def test_an_order_that_can_only_be_refused_is_not_sent(order: Reduce, code: int) -> None:
    refusal = precheck_order(order)
    assert isinstance(refusal, Refused)
    assert refusal.code == code


def test_valid_order_passes_the_precheck() -> None:
    assert precheck_order(ORDER) is None
    assert precheck_order(CancelOrders(CROSS, "BTCUSDT", "BTC")) is None
