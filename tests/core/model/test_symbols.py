"""Trading rules of symbols: price bounds on the tick, lots, minimum orders, symbols between two assets."""

from dataclasses import replace

import pytest

from monitor.core.model.order import OrderSide
from monitor.core.model.symbols import SymbolRulebook, TradingRules
from tests.support.examples.actions import D

BTC = TradingRules("BTCUSDT", "BTC", "USDT", D("0.1"), D("0.001"), D("0.002"), D(5), D(10), D(100_000))


@pytest.mark.parametrize(("side", "bound"), [("SELL", "59400.1"), ("BUY", "60600.0")])
def test_a_bound_lies_on_the_tick_and_no_further_off_than_allowed(side: OrderSide, bound: str) -> None:
    # 60,000.07 less one per cent is 59,400.0693, and one per cent more is 60,600.0707.
    assert BTC.worst_price(side, D("60000.07"), D("0.01")) == D(bound)


@pytest.mark.parametrize(
    ("quantity", "price", "words"),
    [
        ("0.001", "60000", "least lot"),
        ("0.002", "4999", "least order"),
        ("0.002", "5000", ""),
    ],
)
def test_an_order_keeps_the_least_lot_and_worth(quantity: str, price: str, words: str) -> None:
    assert words in (BTC.broken_rule(D(quantity), D(price)) or "")


def test_the_largest_order_is_bounded_by_lot_and_worth() -> None:
    assert BTC.max_order_quantity(D(10_000)) == 5
    assert BTC.max_order_quantity(D(50_000)) == 2


def test_a_side_that_is_not_allowed_is_not_taken() -> None:
    assert BTC.accepts("SELL")
    assert not replace(BTC, can_sell=False).accepts("SELL")
    assert not replace(BTC, is_open=False).accepts("BUY")


def test_symbol_of_two_assets_is_found_whichever_is_the_base() -> None:
    known = SymbolRulebook({"BTCUSDT": BTC}, frozenset({"BTC", "USDT"}))
    assert known.between("USDT", "BTC") == known.between("BTC", "USDT") == BTC
    assert known.between("BTC", "ETH") is None
    assert SymbolRulebook({"BTCUSDT": replace(BTC, is_in_cross=False)}).between("BTC", "USDT") is None


def test_rulebook_knows_which_symbols_were_read() -> None:
    known = SymbolRulebook({"BTCUSDT": BTC}, frozenset({"BTC", "USDT"}))
    assert known.covers("", {"BTC"})
    assert not known.covers("", {"BTC", "ETH"})
    assert known.covers("BTCUSDT", set())
    assert not known.covers("ETHUSDT", set())
