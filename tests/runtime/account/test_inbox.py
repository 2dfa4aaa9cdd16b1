"""Order, conflation, and what must not be lost."""

import asyncio
from decimal import Decimal

from monitor.core.model.account import CROSS, Price
from monitor.core.model.events import (
    CrossRead,
    Event,
    HealthRead,
    IsolatedRead,
    OperatorRead,
    PricesRead,
    ReadFailed,
    StreamAlive,
    StreamEvent,
    Tick,
)
from monitor.runtime.account.inbox import MOST_AT_ONCE, Inbox
from tests.support.examples.accounts import NOW, after, cross, isolated
from tests.support.timeouts import SOON_S


def price(value: int, seconds: float = 0, symbol: str = "BTCUSDT") -> PricesRead:
    return PricesRead({symbol: Price(Decimal(value), after(seconds))})


def event(number: int) -> StreamEvent:
    return StreamEvent("account", CROSS, "x", str(number), NOW, NOW, "{}")


async def taken(*events: Event) -> list[Event]:
    inbox = Inbox()
    for each in events:
        inbox.put(each)
    return await inbox.take()


async def test_stream_events_come_in_order_and_none_is_lost() -> None:
    inbox = Inbox()
    sent = [event(number) for number in range(3 * MOST_AT_ONCE + 7)]
    for each in sent:
        inbox.put(each)
    found: list[Event] = []
    while len(found) < len(sent):
        part = await asyncio.wait_for(inbox.take(), SOON_S)
        assert len(part) <= MOST_AT_ONCE
        found += part
    assert found == sent


async def test_only_the_newest_price_of_each_symbol_is_kept() -> None:
    inbox = Inbox()
    for each in (price(1, 0), price(2, 2), price(3, 1), price(9, 0, "ETHUSDT")):
        inbox.put(each)
    (found,) = await inbox.take()
    assert found == PricesRead({"BTCUSDT": Price(Decimal(2), after(2)), "ETHUSDT": Price(Decimal(9), NOW)})
    assert inbox.conflated == 2


async def test_snapshot_replaces_the_one_that_waits() -> None:
    assert await taken(CrossRead(cross()), CrossRead(cross(after(1)))) == [CrossRead(cross(after(1)))]


async def test_older_snapshot_does_not_replace_a_newer_one() -> None:
    assert await taken(CrossRead(cross(after(1))), CrossRead(cross())) == [CrossRead(cross(after(1)))]


async def test_cross_and_isolated_do_not_replace_each_other() -> None:
    found = await taken(CrossRead(cross()), IsolatedRead(isolated()))
    assert found == [CrossRead(cross()), IsolatedRead(isolated())]


async def test_ticks_health_and_orders_are_there_once() -> None:
    orders = OperatorRead(paused=True)
    found = await taken(Tick(), HealthRead(1), Tick(), OperatorRead(), HealthRead(2), orders)
    assert found == [HealthRead(2), orders, Tick()]


async def test_signs_of_life_are_kept_for_each_stream() -> None:
    signs = (StreamAlive("risk", NOW), StreamAlive("market", NOW), StreamAlive("risk", after(1)))
    assert set(await taken(*signs)) == {StreamAlive("risk", after(1)), StreamAlive("market", NOW)}


async def test_prices_come_before_snapshots_and_time_comes_last() -> None:
    failed = ReadFailed("cross", CROSS, NOW, "no")
    found = await taken(Tick(), CrossRead(cross()), price(1), failed)
    assert found == [failed, price(1), CrossRead(cross()), Tick()]


async def test_take_waits_for_an_event() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(Tick())
    assert await asyncio.wait_for(waiting, SOON_S) == [Tick()]


async def test_nothing_is_handed_out_twice() -> None:
    inbox = Inbox()
    inbox.put(price(1))
    inbox.put(Tick())
    await inbox.take()
    inbox.put(event(1))
    assert await inbox.take() == [event(1)]
