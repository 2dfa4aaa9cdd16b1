"""Past prices by hand: routes, bounds of composed bars, gaps, halts, changed units, bars that stop."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.margin.past_prices import (
    build_price_history,
    ceil_hour,
    find_history_route,
    floor_hour,
    invert_bar,
    multiply_bars,
)
from monitor.core.model.price_history import HourSpan, PriceBar, PriceHistory, PriceRoute, Redenomination, SymbolBars
from monitor.core.numbers.amounts import ONE
from tests.support.examples.price_bars import bar, bars, hour

D = Decimal
FOO = PriceRoute("FOOUSDT")


def history(*found: PriceBar, until: int | None = None, **known: object) -> PriceHistory:
    """The history of FOO from the bars of FOOUSDT, read from hour 0 to the end of the last bar or `until`."""
    end = until if until is not None else (found[-1].opens_at - hour(0)) // timedelta(hours=1) + 1
    series = SymbolBars("FOOUSDT", found, hour(0), hour(end), **known)  # type: ignore[arg-type]
    return build_price_history("FOO", FOO, {"FOOUSDT": series}, hour(0), hour(end))


def test_whole_hours_bound_an_hour() -> None:
    inside = hour(5) + timedelta(minutes=1)
    assert (floor_hour(inside), ceil_hour(inside)) == (hour(5), hour(6))
    assert floor_hour(hour(5)) == ceil_hour(hour(5)) == hour(5)


@pytest.mark.parametrize(
    ("asset", "symbols", "route"),
    [
        ("USDT", "", PriceRoute("")),
        ("FOO", "FOOUSDT FOOBTC BTCUSDT", FOO),
        ("TRY", "USDTTRY", PriceRoute("USDTTRY", True)),
        ("FOO", "FOOETH ETHUSDT FOOBNB BNBUSDT", PriceRoute("FOOETH", False, "ETHUSDT")),
        ("FOO", "FOOBTC", None),
        ("DAI", "DAIUSDT", PriceRoute("DAIUSDT")),
        ("DAI", "BTCUSDT", PriceRoute("", peg="USDT")),
        ("WBETH", "ETHUSDT", PriceRoute("ETHUSDT", peg="ETH")),
        ("WBETH", "WBETHETH ETHUSDT", PriceRoute("WBETHETH", False, "ETHUSDT")),
        ("WBETH", "BTCUSDT", None),
    ],
)
def test_route_is_that_of_the_present_price_then_the_peg(asset: str, symbols: str, route: PriceRoute | None) -> None:
    assert find_history_route(asset, frozenset(symbols.split()), {"USDT", "DAI"}, {"WBETH": "ETH"}) == route


def test_product_of_two_bars_bounds_every_product_of_their_prices() -> None:
    pair, bridge = bar(0, "0.02", "0.03", "0.01", "0.025"), bar(0, "100", "110", "80", "90", "7")
    assert multiply_bars(pair, bridge) == bar(0, "2", "3.3", "0.8", "2.25")
    assert multiply_bars(pair, bridge._replace(volume=D(0))).volume == 0


def test_inverse_of_a_bar_has_its_low_where_the_price_was_highest() -> None:
    assert invert_bar(bar(0, "40", "50", "20", "25")) == bar(0, "0.025", "0.05", "0.02", "0.04")


def test_bridge_is_used_in_the_hours_that_both_pairs_have() -> None:
    series = {
        "FOOBTC": SymbolBars("FOOBTC", bars(["1", "2", "3"]), hour(0), hour(3)),
        "BTCUSDT": SymbolBars("BTCUSDT", (*bars(["10"]), *bars(["30"], 2)), hour(0), hour(3)),
    }
    found = build_price_history("FOO", PriceRoute("FOOBTC", False, "BTCUSDT"), series, hour(0), hour(3))
    assert [(one.opens_at, one.close) for one in found.bars] == [(hour(0), D(10)), (hour(2), D(90))]
    assert found.holes == (HourSpan(hour(1), hour(2)),)


def test_whole_history_has_nothing_to_be_said() -> None:
    found = history(*bars(["1", "2", "3"]))
    assert found == PriceHistory(
        "FOO", hour(0), hour(3), bars(["1", "2", "3"]), FOO, known_from=hour(0), known_until=hour(3)
    )
    assert found.is_read


def test_usdt_is_always_one() -> None:
    found = build_price_history("USDT", PriceRoute(""), {}, hour(0) + timedelta(minutes=5), hour(3))
    assert [(one.opens_at, one.low, one.high) for one in found.bars] == [(hour(1), ONE, ONE), (hour(2), ONE, ONE)]


def test_holes_and_halts_are_found_and_never_filled() -> None:
    found = history(*bars(["1", "2"]), *bars(["3"], 5, "0"), *bars(["3"], 6, "0"), *bars(["3"], 7), until=10)
    assert [one.opens_at for one in found.bars] == [hour(number) for number in (0, 1, 5, 6, 7)]
    assert found.holes == (HourSpan(hour(2), hour(5)), HourSpan(hour(8), hour(10)))
    assert found.halts == (HourSpan(hour(5), hour(7)),)
    assert found.ended_at is None


def test_first_hours_without_a_bar_are_a_hole_unless_the_symbol_was_listed_then() -> None:
    assert history(*bars(["1", "2"], 4)).holes == (HourSpan(hour(0), hour(4)),)


def test_bars_that_stop_are_an_end_and_no_hole() -> None:
    found = history(*bars(["1", "2"]), until=8)
    assert (found.ended_at, found.holes) == (hour(2), ())


def test_listing_within_the_span_is_the_beginning() -> None:
    found = history(*bars(["1", "2"], 4), listed_at=hour(4))
    assert (found.listed_at, found.holes, found.is_read) == (hour(4), (), True)


def test_part_that_was_not_read_yet_is_no_listing() -> None:
    series = SymbolBars("FOOUSDT", bars(["1", "2"], 4), hour(4), hour(6))
    found = build_price_history("FOO", FOO, {"FOOUSDT": series}, hour(0), hour(6))
    assert (found.listed_at, found.known_from, found.is_read) == (None, hour(4), False)


def test_bars_before_a_new_unit_are_put_into_it() -> None:
    found = history(
        *bars(["0.002", "0.002"], volume="30000"),
        bar(2, "2.2", "2.4", "2", "2.1", "28"),
        bar(3, "2.1", "2.2", "2", "2"),
    )
    assert found.redenominations == (Redenomination("FOOUSDT", hour(2), D(1000)),)
    assert [(one.close, one.volume) for one in found.bars[:2]] == [(D(2), D(30)), (D(2), D(30))]
    assert found.broken_at is None


def test_unit_may_become_smaller() -> None:
    found = history(*bars(["50", "50"], volume="4"), *bars(["0.05", "0.049"], 2, volume="5000"))
    assert found.redenominations == (Redenomination("FOOUSDT", hour(2), D("0.001")),)
    assert [one.close for one in found.bars] == [D("0.05"), D("0.05"), D("0.05"), D("0.049")]


@pytest.mark.parametrize("volume", ["30000", "0", None], ids=["volume stays", "nothing was traded", "volume unknown"])
def test_jump_without_its_volume_breaks_the_history(volume: str | None) -> None:
    found = history(*bars(["0.002", "0.002"], volume="30000"), *bars(["2", "2.1"], 2, volume=volume))
    assert (found.broken_at, found.redenominations) == (hour(2), ())
    assert [one.opens_at for one in found.bars] == [hour(2), hour(3)]


def test_jump_that_is_no_power_of_ten_breaks_the_history() -> None:
    found = history(*bars(["1", "1"], volume="30000"), *bars(["300", "300"], 2, volume="100"))
    assert (found.broken_at, len(found.bars)) == (hour(2), 2)


def test_collapse_within_an_hour_is_no_new_unit() -> None:
    found = history(*bars(["1", "1"], volume="10"), bar(2, "1", "1", "0.009", "0.01", "5000"), *bars(["0.01"], 3))
    assert (found.broken_at, found.redenominations, len(found.bars)) == (hour(3), (), 1)


def test_wick_stays() -> None:
    found = history(bar(0, "4", "4", "0.001", "3.9"), *bars(["3.9"], 1))
    assert found.bars[0].low == D("0.001")
    assert found.broken_at is None


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ({}, "FOOUSDT is not read yet"),
        (
            {"FOOUSDT": SymbolBars("FOOUSDT", refusal="Invalid symbol.")},
            "the exchange refuses FOOUSDT: Invalid symbol.",
        ),
        ({"FOOUSDT": SymbolBars("FOOUSDT", (), hour(0), hour(3))}, "FOOUSDT has no bars in that time"),
        (
            {"FOOUSDT": SymbolBars("FOOUSDT", (bar(2, "1", "1", "0.01", "0.01"),), hour(0), hour(3))},
            "FOOUSDT jumped before 2026-02-01 03:00 UTC, which nothing explains, and has no bars since",
        ),
    ],
)
def test_reason_for_no_bars_is_given(series: dict[str, SymbolBars], words: str) -> None:
    found = build_price_history("FOO", FOO, series, hour(0), hour(3))
    assert (found.bars, found.missing) == ((), words)


def test_asset_without_a_pair_says_so() -> None:
    assert build_price_history("FOO", None, {}, hour(0), hour(3)).missing == "no pair leads from FOO to USDT"
