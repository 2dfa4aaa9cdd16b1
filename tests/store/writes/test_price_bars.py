"""Bars of the past are kept once a symbol; what was read is known; what is too old or not finished goes."""

import pytest

from monitor.core.engine.bar_demand import BarProgress
from monitor.core.model.price_history import HourSpan, PriceRoute
from monitor.errors import StoreError
from monitor.store.readers.price_history import read_price_routes, read_progress, read_symbol_bars
from monitor.store.store import Store
from monitor.store.writes import price_bars
from tests.support.examples.price_bars import bar, bars, hour

ALWAYS = (hour(-10_000), hour(10_000))


async def progress(store: Store) -> dict[str, BarProgress]:
    """How far each symbol was read."""
    return (await store.read(read_progress))[1]


async def test_spans_that_touch_become_one(store: Store) -> None:
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(4), hour(6)), bars(["4", "5"], 4))
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(2), hour(4)), bars(["2", "3"], 2))
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(5), hour(8)), bars(["5.5", "6", "7"], 5))
    await store.execute(price_bars.save_bars, "BARUSDT", HourSpan(hour(0), hour(1)), ())
    found = await store.read(read_symbol_bars, "FOOUSDT", *ALWAYS)
    assert (found.read_from, found.read_until, found.listed_at) == (hour(2), hour(8), None)
    assert [str(one.close) for one in found.bars] == ["2", "3", "4", "5.5", "6", "7"]
    assert await progress(store) == {
        "FOOUSDT": BarProgress("FOOUSDT", hour(2), hour(8), hour(2)),
        "BARUSDT": BarProgress("BARUSDT", hour(0), hour(1)),
    }


async def test_bar_is_read_back_exactly(store: Store) -> None:
    exact = (bar(0, "0.00000123", "1E+3", "1E-8", "12.50", None), bar(1, "1", "1", "1", "1", "0"))
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(0), hour(2)), exact)
    assert (await store.read(read_symbol_bars, "FOOUSDT", *ALWAYS)).bars == exact
    assert (await store.read(read_symbol_bars, "FOOUSDT", hour(1), hour(1))).bars == ()


async def test_bar_that_the_exchange_withdrew_goes(store: Store) -> None:
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(0), hour(3)), bars(["1", "2", "3"]))
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(1), hour(4)), bars(["3", "4"], 2))
    found = await store.read(read_symbol_bars, "FOOUSDT", *ALWAYS)
    assert [one.opens_at for one in found.bars] == [hour(0), hour(2), hour(3)]


@pytest.mark.parametrize(
    ("span", "number"), [(HourSpan(hour(9), hour(12)), 9), (HourSpan(hour(2), hour(4)), 4)], ids=["gap", "outside"]
)
async def test_hours_that_would_leave_a_gap_are_refused(store: Store, span: HourSpan, number: int) -> None:
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(0), hour(3)), bars(["1", "2", "3"]))
    with pytest.raises((StoreError, ValueError)):
        await store.execute(price_bars.save_bars, "FOOUSDT", span, bars(["9"], number))
    assert (await progress(store))["FOOUSDT"].read_until == hour(3)


async def test_listing_and_refusal_are_kept_until_bars_come(store: Store) -> None:
    await store.execute(price_bars.save_refusal, "FOOUSDT", "Invalid symbol.")
    assert (await progress(store))["FOOUSDT"] == BarProgress("FOOUSDT", refusal="Invalid symbol.")
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(0), hour(3)), bars(["2", "3"], 1))
    await store.execute(price_bars.save_listing, "FOOUSDT", hour(1))
    assert (await progress(store))["FOOUSDT"] == BarProgress("FOOUSDT", hour(0), hour(3), hour(1), hour(1))


async def test_routes_are_replaced(store: Store) -> None:
    await store.execute(price_bars.save_routes, {"FOO": None, "BAR": PriceRoute("BARBTC", False, "BTCUSDT")})
    await store.execute(price_bars.save_routes, {"FOO": PriceRoute("ETHUSDT", peg="ETH")})
    assert await store.read(read_price_routes) == {
        "FOO": PriceRoute("ETHUSDT", peg="ETH"),
        "BAR": PriceRoute("BARBTC", False, "BTCUSDT"),
    }


async def test_bars_of_a_time_to_come_are_forgotten(store: Store) -> None:
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(0), hour(3)), bars(["1", "2", "3"]))
    await store.execute(price_bars.save_bars, "BARUSDT", HourSpan(hour(2), hour(4)), bars(["3", "4"], 2))
    assert await store.execute(price_bars.forget_bars, hour(2)) == 3
    assert await progress(store) == {"FOOUSDT": BarProgress("FOOUSDT", hour(0), hour(2), hour(0))}


async def test_old_bars_go_in_portions_and_dead_symbols_with_them(store: Store) -> None:
    await store.execute(price_bars.save_bars, "FOOUSDT", HourSpan(hour(0), hour(5)), bars(["1"] * 5))
    await store.execute(price_bars.save_bars, "OLDUSDT", HourSpan(hour(0), hour(2)), bars(["1"] * 2))
    counts = [await store.execute(price_bars.prune_bars, hour(3), 2) for _ in range(4)]
    assert counts == [2, 1, 2, 0]
    assert await progress(store) == {"FOOUSDT": BarProgress("FOOUSDT", hour(3), hour(5), hour(3))}
    assert len((await store.read(read_symbol_bars, "FOOUSDT", *ALWAYS)).bars) == 2
