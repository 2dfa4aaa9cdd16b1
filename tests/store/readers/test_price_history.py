"""Histories of assets from the stored bars: one for every asset, with the reason where there is none."""

from monitor.core.model.price_history import HourSpan, PriceRoute
from monitor.store.readers.price_history import read_price_histories
from monitor.store.store import Store
from monitor.store.writes import price_bars
from tests.support.examples.price_bars import D, bars, hour


async def test_every_asset_has_a_history_or_the_reason(store: Store) -> None:
    span = HourSpan(hour(0), hour(4))
    await store.execute(price_bars.save_bars, "BTCUSDT", span, bars(["10", "20", "30", "40"]))
    await store.execute(price_bars.save_bars, "FOOBTC", span, bars(["2", "2", "2", "2"]))
    await store.execute(
        price_bars.save_routes,
        {
            "BTC": PriceRoute("BTCUSDT"),
            "FOO": PriceRoute("FOOBTC", False, "BTCUSDT"),
            "USDT": PriceRoute(""),
            "NIL": None,
        },
    )
    found = await store.read(read_price_histories, ["FOO", "BTC", "USDT", "NIL", "NEW", "BTC"], hour(1), hour(3))
    assert list(found) == ["FOO", "BTC", "USDT", "NIL", "NEW"]
    assert [one.close for one in found["FOO"].bars] == [D(40), D(60)]
    assert [one.close for one in found["BTC"].bars] == [D(20), D(30)]
    assert [one.close for one in found["USDT"].bars] == [D(1), D(1)]
    assert found["NIL"].missing == "no pair leads from NIL to USDT"
    assert found["NEW"].missing == "past prices of NEW are not read yet"


async def test_empty_store_knows_nothing(store: Store) -> None:
    found = await store.read(read_price_histories, ["BTC"], hour(0), hour(4))
    assert found["BTC"].missing == "past prices of BTC are not read yet"
