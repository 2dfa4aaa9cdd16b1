"""Which prices are handed on at once, which wait for their turn, and how long the source then rests."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import Price
from monitor.core.model.events import Event, PricesRead
from monitor.exchange.binance.streams.price_conflator import CALM_REST_S, CALM_S, REST_S, Newest
from tests.support.timeouts import SOON_S

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAITS_S = SOON_S


class Hand:
    """What was handed on, and how long the source was left alone."""

    def __init__(self) -> None:
        self.now = 100.0
        self.newest = Newest(self._take, lambda: self.now)
        self.newest.rest = self._rest
        self.handed: list[Mapping[str, Decimal]] = []
        self.rests: list[float] = []
        self._came = asyncio.Event()
        self._second = 0

    def bring(self, **prices: str) -> None:
        """Prices that were read together, a second later than the ones before."""
        self._second += 1
        for symbol, value in prices.items():
            self.newest.take(symbol, Price(Decimal(value), NOW + timedelta(seconds=self._second)))
        self.newest.flush()

    async def next(self) -> Mapping[str, Decimal]:
        async with asyncio.timeout(WAITS_S):
            await self._came.wait()
        return self.handed[-1]

    def settle(self) -> None:
        """What was handed on so far is known."""
        self.handed.clear()
        self._came.clear()

    def _take(self, event: Event) -> None:
        assert isinstance(event, PricesRead)
        self.handed.append({symbol: price.value for symbol, price in event.prices.items()})
        self._came.set()

    def _rest(self, seconds: float) -> None:
        self.rests.append(seconds)


async def test_the_first_price_and_one_that_moved_are_handed_on_at_once() -> None:
    hand = Hand()
    hand.bring(BTCUSDT="60000", ETHUSDT="3000")
    hand.bring(BTCUSDT="59940")
    assert hand.handed == [{"BTCUSDT": 60000, "ETHUSDT": 3000}, {"BTCUSDT": 59940}]


async def test_prices_that_hardly_moved_wait_for_their_turn_and_then_go_together() -> None:
    hand = Hand()
    hand.bring(BTCUSDT="60000", ETHUSDT="3000")
    hand.settle()
    hand.bring(BTCUSDT="60010")
    hand.bring(ETHUSDT="3001")
    hand.bring(BTCUSDT="60020")
    assert hand.handed == []
    assert await hand.next() == {"BTCUSDT": 60020, "ETHUSDT": 3001}
    assert hand.newest.conflated == 1


async def test_one_that_moved_takes_those_that_wait_along() -> None:
    hand = Hand()
    hand.bring(BTCUSDT="60000", ETHUSDT="3000")
    hand.bring(ETHUSDT="3001")
    hand.bring(BTCUSDT="59000")
    assert hand.handed[1:] == [{"ETHUSDT": 3001, "BTCUSDT": 59000}]


async def test_many_small_moves_are_one_that_counts() -> None:
    hand = Hand()
    hand.bring(BTCUSDT="60000")
    hand.settle()
    hand.bring(BTCUSDT="59970")
    assert hand.handed == []
    hand.bring(BTCUSDT="59940")
    assert hand.handed == [{"BTCUSDT": 59940}]


async def test_an_older_price_is_refused() -> None:
    hand = Hand()
    hand.bring(BTCUSDT="60000")
    hand.newest.take("BTCUSDT", Price(Decimal(50_000), NOW))
    hand.newest.flush()
    assert hand.handed == [{"BTCUSDT": 60000}]


async def test_the_source_rests_longer_while_nothing_moves() -> None:
    hand = Hand()
    hand.bring(BTCUSDT="60000", ETHUSDT="3000")
    hand.bring(BTCUSDT="60010", ETHUSDT="3001")
    hand.now += CALM_S
    hand.bring(BTCUSDT="60011", ETHUSDT="3000")
    hand.bring(BTCUSDT="59000", ETHUSDT="3000")
    assert hand.rests == [REST_S, REST_S, CALM_REST_S, REST_S]


async def test_a_price_that_comes_alone_lets_nothing_rest() -> None:
    hand = Hand()
    hand.bring(BTCUSDT="60000")
    hand.now += 1
    hand.bring(BTCUSDT="60010")
    assert (hand.rests, len(hand.handed)) == ([], 2)
