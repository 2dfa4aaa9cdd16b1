"""Delivery of prices: at once or delayed, and the pause of the source afterwards."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import Price
from monitor.core.model.events import Event, PricesRead
from monitor.exchange.binance.streams.price_conflator import CALM_AFTER_S, CALM_PAUSE_S, PAUSE_S, PriceConflator
from tests.support.timeouts import SOON_S

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAITS_S = SOON_S


class ConflatorHarness:
    """Prices that were delivered, and the pauses of the source."""

    def __init__(self) -> None:
        self.now = 100.0
        self.newest = PriceConflator(self._take, lambda: self.now)
        self.newest.pause_source = self._rest
        self.handed: list[Mapping[str, Decimal]] = []
        self.moved: list[frozenset[str] | None] = []
        self.rests: list[float] = []
        self._came = asyncio.Event()
        self._second = 0

    def push(self, **prices: str) -> None:
        """Add and flush prices read together, a second later than the ones before."""
        self._second += 1
        for symbol, value in prices.items():
            self.newest.add(symbol, Price(Decimal(value), NOW + timedelta(seconds=self._second)))
        self.newest.flush()

    async def next(self) -> Mapping[str, Decimal]:
        async with asyncio.timeout(WAITS_S):
            await self._came.wait()
        return self.handed[-1]

    def run_until_idle(self) -> None:
        """Forget the deliveries so far."""
        self.handed.clear()
        self.moved.clear()
        self._came.clear()

    def _take(self, event: Event) -> None:
        assert isinstance(event, PricesRead)
        self.handed.append({symbol: price.value for symbol, price in event.prices.items()})
        self.moved.append(event.moved)
        self._came.set()

    def _rest(self, seconds: float) -> None:
        self.rests.append(seconds)


async def test_the_first_price_and_one_that_moved_are_handed_on_at_once() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000", ETHUSDT="3000")
    hand.push(BTCUSDT="59940")
    assert hand.handed == [{"BTCUSDT": 60000, "ETHUSDT": 3000}, {"BTCUSDT": 59940}]


async def test_small_moves_wait_and_are_delivered_together() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000", ETHUSDT="3000")
    hand.run_until_idle()
    hand.push(BTCUSDT="60010")
    hand.push(ETHUSDT="3001")
    hand.push(BTCUSDT="60020")
    assert hand.handed == []
    assert await hand.next() == {"BTCUSDT": 60020, "ETHUSDT": 3001}
    assert hand.moved == [frozenset()]
    assert hand.newest.conflated == 1


async def test_large_move_delivers_waiting_prices_too() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000", ETHUSDT="3000")
    hand.push(ETHUSDT="3001")
    hand.push(BTCUSDT="59000")
    assert hand.handed[1:] == [{"ETHUSDT": 3001, "BTCUSDT": 59000}]
    assert hand.moved == [frozenset({"BTCUSDT", "ETHUSDT"}), frozenset({"BTCUSDT"})]


async def test_accumulated_small_moves_count_as_a_large_one() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000")
    hand.run_until_idle()
    hand.push(BTCUSDT="59970")
    assert hand.handed == []
    hand.push(BTCUSDT="59940")
    assert hand.handed == [{"BTCUSDT": 59940}]


async def test_small_moves_between_the_large_ones_of_another_symbol_add_up() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000", ETHUSDT="3000")
    hand.push(BTCUSDT="59000", ETHUSDT="2998")
    hand.push(BTCUSDT="58000", ETHUSDT="2996")
    assert hand.moved[1:] == [frozenset({"BTCUSDT"}), frozenset({"BTCUSDT", "ETHUSDT"})]
    hand.push(BTCUSDT="58001", ETHUSDT="2995")
    assert len(hand.handed) == 3


async def test_an_older_price_is_refused() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000")
    hand.newest.add("BTCUSDT", Price(Decimal(50_000), NOW))
    hand.newest.flush()
    assert hand.handed == [{"BTCUSDT": 60000}]


async def test_reading_pauses_longer_while_prices_are_calm() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000", ETHUSDT="3000")
    hand.push(BTCUSDT="60010", ETHUSDT="3001")
    hand.now += CALM_AFTER_S
    hand.push(BTCUSDT="60011", ETHUSDT="3000")
    hand.push(BTCUSDT="59000", ETHUSDT="3000")
    assert hand.rests == [PAUSE_S, PAUSE_S, CALM_PAUSE_S, PAUSE_S]


async def test_single_price_causes_no_pause() -> None:
    hand = ConflatorHarness()
    hand.push(BTCUSDT="60000")
    hand.now += 1
    hand.push(BTCUSDT="60010")
    assert (hand.rests, len(hand.handed)) == ([], 2)
