"""The market feed against the sandbox: accounts share a connection, and none feels another one's trouble."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from monitor.core.model.events import Event, PricesRead, StreamAlive
from monitor.exchange.binance.shared_market import SharedMarket
from monitor.exchange.binance.streams.market_feed import MarketFeed, PriceSubscription
from monitor.exchange.binance.streams.stream_limits import StreamLimits
from monitor.exchange.binance.streams.websocket import WebSocketFactory
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import RequestLimits
from tests.support.connected_sandbox import ConnectedSandbox, EventInbox, connected_sandbox
from tests.support.daemon import eventually

PRICES = {f"{asset}USDT": Decimal(60_000 - 7 * number) for number, asset in enumerate(("BTC", "ETH", "SOL", "XRP"))}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One account's running part of a feed, and everything that it was delivered."""

    part: PriceSubscription
    inbox: EventInbox
    task: "asyncio.Task[None]"

    async def wait_for_subscriptions(self, *symbols: str) -> None:
        await self.inbox.wait_until(lambda: self.inbox.is_connected_with("market", *symbols))

    async def wait_for_price(self, symbol: str, value: Decimal | None = None) -> None:
        def has_come() -> bool:
            return any(
                isinstance(event, PricesRead) and symbol in event.prices and value in (None, event.prices[symbol].value)
                for event in self.inbox.events
            )

        await self.inbox.wait_until(has_come)

    async def wait_for_life(self) -> None:
        await self.inbox.wait_until(lambda: any(isinstance(event, StreamAlive) for event in self.inbox.events))

    async def wait_for_changes(self, count: int) -> None:
        await self.inbox.wait_until(lambda: len(self.inbox.changes("market")) >= count)

    async def wait_for_loss(self, reason: str) -> None:
        await self.inbox.wait_until(
            lambda: any(not change.connected and change.reason == reason for change in self.inbox.changes("market"))
        )

    async def wait_for_event(self) -> None:
        await self.inbox.wait_until(lambda: self.inbox.stream_events("market"))

    @property
    def symbols(self) -> set[str]:
        """Symbols of all prices delivered."""
        return {symbol for event in self.inbox.events if isinstance(event, PricesRead) for symbol in event.prices}

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class FeedHarness:
    """A sandbox with four symbols, and a feed of it."""

    world: ConnectedSandbox
    feed: MarketFeed
    running: list[Subscriber]

    def start(
        self, name: str, symbols: Sequence[str], wrap: Callable[[EventInbox], Callable[[Event], None]] | None = None
    ) -> Subscriber:
        """Let an account take part; `wrap` returns its own delivery."""
        inbox = EventInbox()
        part = self.feed.subscribe(name, inbox if wrap is None else wrap(inbox))
        part.watch(symbols)
        subscriber = Subscriber(part, inbox, asyncio.create_task(part.run()))
        self.running.append(subscriber)
        return subscriber

    @property
    def carried(self) -> list[set[str]]:
        """Symbols of each open market connection, as the exchange has them."""
        connections: list[Any] = [link for link in self.world.sandbox.connections if link.stream == "market"]
        return [{name.partition("@")[0].upper() for name in link.names} for link in connections]

    async def wait_until_carried(self, *connections: set[str]) -> None:
        async def are_carried() -> bool:
            return sorted(map(sorted, self.carried)) == sorted(map(sorted, connections))

        await eventually(are_carried, story=lambda: str(self.carried))


@contextlib.asynccontextmanager
async def market_feed(limits: StreamLimits | None = None, max_streams: int = 1024) -> AsyncIterator[FeedHarness]:
    scenario = replace(calm_scenario(), prices=PRICES, limits=RequestLimits(market_streams=max_streams))
    async with connected_sandbox(scenario) as w:
        websockets = WebSocketFactory(limits=limits if limits is not None else StreamLimits(max_streams=max_streams))
        harness = FeedHarness(w, MarketFeed(w.ready.market_stream_url, websockets, w.clock), [])
        try:
            yield harness
        finally:
            for subscriber in harness.running:
                await subscriber.stop()


async def test_two_accounts_share_one_connection_and_each_gets_its_own_symbols() -> None:
    async with market_feed() as both:
        main = both.start("main", ["BTCUSDT", "ETHUSDT"])
        other = both.start("other", ["BTCUSDT", "SOLUSDT"])
        await main.wait_for_subscriptions("BTCUSDT", "ETHUSDT")
        await other.wait_for_subscriptions("BTCUSDT", "SOLUSDT")
        assert both.carried == [{"BTCUSDT", "ETHUSDT", "SOLUSDT"}]
        for subscriber, symbol in ((main, "ETHUSDT"), (other, "SOLUSDT"), (main, "BTCUSDT"), (other, "BTCUSDT")):
            await subscriber.wait_for_price(symbol)
        assert (main.symbols, other.symbols) == ({"BTCUSDT", "ETHUSDT"}, {"BTCUSDT", "SOLUSDT"})
        for subscriber in (main, other):
            await subscriber.wait_for_life()


async def test_new_wishes_of_one_account_are_no_news_to_the_other() -> None:
    async with market_feed() as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["BTCUSDT"])
        await main.wait_for_subscriptions("BTCUSDT")
        await other.wait_for_subscriptions("BTCUSDT")
        seen = list(main.inbox.changes("market"))
        other.part.watch(["BTCUSDT", "SOLUSDT"])
        await other.wait_for_subscriptions("BTCUSDT", "SOLUSDT")
        # A symbol that somebody else has subscribed already is there at once.
        main.part.watch(["BTCUSDT", "SOLUSDT"])
        assert main.inbox.is_connected_with("market", "BTCUSDT", "SOLUSDT")
        other.part.watch([])
        assert other.inbox.is_connected_with("market")
        await main.wait_for_price("SOLUSDT")
        main.part.watch(["BTCUSDT"])
        await both.wait_until_carried({"BTCUSDT"})
        assert main.inbox.changes("market")[: len(seen)] == seen
        assert [change.connected for change in main.inbox.changes("market")[len(seen) :]] == [True, True]


async def test_account_that_ends_leaves_the_prices_of_the_others() -> None:
    async with market_feed() as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["BTCUSDT", "SOLUSDT"])
        await main.wait_for_subscriptions("BTCUSDT")
        await other.wait_for_subscriptions("BTCUSDT", "SOLUSDT")
        [link] = both.world.sandbox.connections
        await other.stop()
        await both.wait_until_carried({"BTCUSDT"})
        both.world.sandbox.user_actions.set_price("BTCUSDT", Decimal(54_321))
        await main.wait_for_price("BTCUSDT", Decimal(54_321))
        again = both.start("other", ["BTCUSDT", "SOLUSDT"])
        await again.wait_for_subscriptions("BTCUSDT", "SOLUSDT")
        await again.wait_for_price("SOLUSDT")
        assert both.world.sandbox.connections == [link]
        assert len(main.inbox.changes("market")) == 1


async def test_last_account_closes_the_connection_and_the_next_one_opens_it() -> None:
    async with market_feed() as both:
        main = both.start("main", ["BTCUSDT"])
        await main.wait_for_price("BTCUSDT")
        await main.stop()
        await both.wait_until_carried()
        again = both.start("main", ["ETHUSDT"])
        await again.wait_for_price("ETHUSDT")
        assert both.carried == [{"ETHUSDT"}]


async def test_account_whose_delivery_fails_ends_alone_with_its_own_error() -> None:
    def failing(inbox: EventInbox) -> Callable[[Event], None]:
        def deliver(event: Event) -> None:
            inbox(event)
            if isinstance(event, PricesRead):
                raise asyncio.QueueFull

        return deliver

    async with market_feed() as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["ETHUSDT"], failing)
        with pytest.raises(asyncio.QueueFull):
            await asyncio.wait_for(other.task, 60)
        both.world.sandbox.user_actions.set_price("BTCUSDT", Decimal(54_321))
        await main.wait_for_price("BTCUSDT", Decimal(54_321))
        assert all(change.connected for change in main.inbox.changes("market"))


async def test_lost_connection_is_reported_to_every_account_and_so_is_the_next() -> None:
    async with market_feed() as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["ETHUSDT"])
        await main.wait_for_subscriptions("BTCUSDT")
        await other.wait_for_subscriptions("ETHUSDT")
        both.world.sandbox.add_fault(Fault(what="drop", stream="market"))
        for subscriber in (main, other):
            await subscriber.wait_for_changes(3)
            changes = subscriber.inbox.changes("market")[:3]
            assert [change.connected for change in changes] == [True, False, True]
            assert (changes[1].subscriptions, changes[1].reason) == ((), "cut")
            assert changes[2].subscriptions == changes[0].subscriptions
        assert len(both.carried) == 1


async def test_silent_connection_blinds_every_account_within_the_bound() -> None:
    async with market_feed(StreamLimits(price_silence_s=1.5, max_backoff_s=0.1)) as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["BTCUSDT", "ETHUSDT"])
        await main.wait_for_subscriptions("BTCUSDT")
        await other.wait_for_subscriptions("BTCUSDT", "ETHUSDT")
        both.world.sandbox.add_fault(Fault(what="silent", stream="market"))
        for subscriber in (main, other):
            await subscriber.wait_for_loss("no price of BTCUSDT for 1.5 s")
        both.world.sandbox.clear_faults()
        await main.wait_for_subscriptions("BTCUSDT")
        await other.wait_for_subscriptions("BTCUSDT", "ETHUSDT")


async def test_account_that_joins_during_an_outage_knows_of_it() -> None:
    async with market_feed() as both:
        main = both.start("main", ["BTCUSDT"])
        await main.wait_for_subscriptions("BTCUSDT")
        both.world.sandbox.add_fault(Fault(what="refuse", stream="market", seconds=3600))
        both.world.sandbox.add_fault(Fault(what="drop", stream="market"))
        await main.inbox.wait_until(lambda: not main.inbox.changes("market")[-1].connected)
        other = both.start("other", ["ETHUSDT"])
        await other.inbox.wait_until(lambda: other.inbox.changes("market"))
        assert not other.inbox.changes("market")[0].connected
        both.world.sandbox.clear_faults()
        await other.wait_for_subscriptions("ETHUSDT")
        await main.wait_for_subscriptions("BTCUSDT")


async def test_unreadable_frame_is_recorded_by_every_account() -> None:
    async with market_feed() as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["BTCUSDT"])
        await main.wait_for_subscriptions("BTCUSDT")
        await other.wait_for_subscriptions("BTCUSDT")
        both.world.sandbox.add_fault(Fault(what="malform", stream="market", count=1))
        for subscriber in (main, other):
            await subscriber.wait_for_event()
        (seen,), (told,) = main.inbox.stream_events("market"), other.inbox.stream_events("market")
        assert seen.payload == told.payload
        assert seen.key != told.key
        assert seen.rejected


async def test_price_that_is_not_believed_is_recorded_by_the_accounts_that_want_it() -> None:
    async with market_feed() as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["SOLUSDT"])
        await main.wait_for_subscriptions("BTCUSDT")
        await other.wait_for_subscriptions("SOLUSDT")
        both.world.sandbox.user_actions.set_price("SOLUSDT", Decimal(0))
        await other.wait_for_event()
        assert "price of SOLUSDT" in (other.inbox.stream_events("market")[0].rejected or "")
        assert main.inbox.stream_events("market") == []


async def test_more_symbols_than_a_connection_carries_get_a_second_one() -> None:
    async with market_feed(max_streams=3) as both:
        main = both.start("main", ["BTCUSDT", "ETHUSDT"])
        await main.wait_for_subscriptions("BTCUSDT", "ETHUSDT")
        other = both.start("other", list(PRICES))
        await other.wait_for_subscriptions(*PRICES)
        # Every further connection carries the symbol whose silence shows that it is dead.
        await both.wait_until_carried({"BTCUSDT", "ETHUSDT", "SOLUSDT"}, {"BTCUSDT", "XRPUSDT"})
        for symbol in PRICES:
            await other.wait_for_price(symbol)
        assert len(main.inbox.changes("market")) == 1
        both.world.sandbox.add_fault(Fault(what="drop", stream="market"))
        await other.inbox.wait_until(lambda: not other.inbox.changes("market")[-1].connected)
        await other.wait_for_subscriptions(*PRICES)
        other.part.watch(["BTCUSDT", "ETHUSDT"])
        await both.wait_until_carried({"BTCUSDT", "ETHUSDT"})


async def test_fault_of_ours_in_the_line_is_reported_and_ends_no_account() -> None:
    # No time to live at all: what every connection works out from it fails.
    broken: Any = StreamLimits(lifetime_s="soon", max_backoff_s=0.1)  # type: ignore[arg-type]
    async with market_feed(broken) as both:
        main, other = both.start("main", ["BTCUSDT"]), both.start("other", ["ETHUSDT"])
        for subscriber in (main, other):
            await subscriber.wait_for_changes(1)
            change = subscriber.inbox.changes("market")[0]
            assert (change.connected, change.reason) == (False, "failed: TypeError")
            assert not subscriber.task.done()


async def test_accounts_of_one_address_have_one_feed_and_those_of_another_have_their_own() -> None:
    async with connected_sandbox() as w:
        market = SharedMarket(w.clock)
        feed = market.feed("ws://127.0.0.1:1/market", WebSocketFactory())
        assert market.feed("ws://127.0.0.1:1/market/", WebSocketFactory()) is feed
        assert market.feed("ws://127.0.0.1:2/market", WebSocketFactory()) is not feed
        assert market.feed("ws://127.0.0.1:1/market", WebSocketFactory(proxy="http://127.0.0.1:3")) is not feed
