"""Past prices between two measurements: read anew by the hour, and more often while some are missing."""

from datetime import timedelta
from pathlib import Path

from monitor.core.model.price_history import HourSpan, PriceRoute
from monitor.odds.past import HourlyPast
from monitor.runtime.past_cache import PastCache
from monitor.store.store import Store
from monitor.store.writes import price_bars
from tests.support.clocks.manual_clock import ManualClock
from tests.support.examples.price_bars import bars, hour

SPAN = timedelta(hours=6)


async def save(store: Store, symbol: str, first: int, *closes: str) -> None:
    span = HourSpan(hour(first), hour(first + len(closes)))
    await store.execute(price_bars.save_bars, symbol, span, bars(closes, first))
    await store.execute(price_bars.save_routes, {symbol.removesuffix("USDT"): PriceRoute(symbol)})


async def test_bars_of_a_new_hour_are_read_and_known_ones_are_kept_meanwhile(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    await save(store, "BTCUSDT", 0, "1", "2", "3", "4", "5", "6")
    clock = ManualClock(hour(6) + timedelta(minutes=6))
    cache = PastCache(store, clock, SPAN)
    assert cache.past() is None
    await cache.refresh(("BTC", "USDT", ""))
    assert closes(cache.past()) == {"BTC": "1 2 3 4 5 6"}

    version = cache.version
    await save(store, "BTCUSDT", 6, "7")
    clock.advance(timedelta(minutes=58).total_seconds())
    await cache.refresh(("BTC",))
    assert (cache.version, closes(cache.past())) == (version, {"BTC": "1 2 3 4 5 6"})
    clock.advance(60)
    await cache.refresh(("BTC",))
    assert (cache.version, closes(cache.past())) == (version + 1, {"BTC": "2 3 4 5 6 7"})
    await store.close()


async def test_new_asset_is_read_at_once_and_missing_bars_after_ten_minutes(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    await save(store, "BTCUSDT", 0, "1", "2", "3", "4", "5", "6")
    await save(store, "ETHUSDT", 4, "7", "8")
    clock = ManualClock(hour(6) + timedelta(minutes=6))
    cache = PastCache(store, clock, SPAN)
    await cache.refresh(("BTC",))
    await cache.refresh(("BTC", "ETH"))
    assert closes(cache.past()) == {"BTC": "1 2 3 4 5 6", "ETH": "nan nan nan nan 7 8"}

    await save(store, "ETHUSDT", 0, "3", "4", "5", "6")
    await cache.refresh(("BTC", "ETH"))
    assert closes(cache.past())["ETH"] == "nan nan nan nan 7 8"
    clock.advance(600)
    await cache.refresh(("BTC", "ETH"))
    assert closes(cache.past())["ETH"] == "3 4 5 6 7 8"
    await store.close()


async def test_assets_of_all_accounts_are_kept_until_none_asks_for_them(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    await save(store, "BTCUSDT", 0, "1", "2", "3", "4", "5", "6", "7", "8")
    await save(store, "ETHUSDT", 0, "1", "2", "3", "4", "5", "6", "7", "8")
    clock = ManualClock(hour(6) + timedelta(minutes=6))
    cache = PastCache(store, clock, SPAN)
    await cache.refresh(("BTC",))
    await cache.refresh(("ETH",))
    clock.advance(3600)
    await cache.refresh(("BTC",))
    assert closes(cache.past()) == dict.fromkeys(("BTC", "ETH"), "2 3 4 5 6 7")
    clock.advance(3600)
    await cache.refresh(("BTC",))
    assert closes(cache.past()) == {"BTC": "3 4 5 6 7 8"}
    await store.close()


def closes(past: HourlyPast | None) -> dict[str, str]:
    return {} if past is None else {asset: columns.closes for asset, columns in past.columns.items()}
