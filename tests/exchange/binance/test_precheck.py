"""The rules of symbols as the exchange lists them, and orders that it could only refuse."""

from dataclasses import replace

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.order import CancelOrders, Reduce, Refused
from monitor.core.model.symbols import Market
from monitor.exchange.binance.precheck import unsendable
from tests.support.connected_sandbox import world
from tests.support.examples.actions import D

ORDER = Reduce(CROSS, "USDT", D(600), "BTCUSDT", "SELL", D("0.01"), D(59_400), "BTC", "mm-1-1")


async def test_the_symbols_between_assets_are_read_with_their_rules() -> None:
    async with world() as w:
        found = await w.account.surroundings.markets({"BTC", "ETH", "USDT", "NOSUCH"}, [])
        pair = w.sandbox.venue.catalogue.pairs["BTCUSDT"]
    assert set(found) == {"BTCUSDT", "ETHUSDT", "ETHBTC"}
    assert found["BTCUSDT"] == Market(
        "BTCUSDT", "BTC", "USDT", pair.tick, pair.step, pair.step, D(9_000_000), pair.min_notional, D(9_000_000)
    )


async def test_a_pair_of_isolated_margin_is_none_that_cross_trades() -> None:
    async with world() as w:
        found = await w.account.surroundings.markets(set(), ["BTCUSDT"])
    assert (set(found), found["BTCUSDT"].in_cross) == ({"BTCUSDT"}, False)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (replace(ORDER, quantity=D(0)), -1130),
        (replace(ORDER, price=D("-1")), -1130),
        (replace(ORDER, quantity=D("0.123456789")), -1111),
    ],
)
def test_an_order_that_can_only_be_refused_is_not_sent(order: Reduce, code: int) -> None:
    refusal = unsendable(order)
    assert isinstance(refusal, Refused)
    assert refusal.code == code


def test_what_can_be_sent_is() -> None:
    assert unsendable(ORDER) is None
    assert unsendable(CancelOrders(CROSS, "BTCUSDT", "BTC")) is None
