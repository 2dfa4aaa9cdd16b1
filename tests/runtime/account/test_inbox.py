"""Order, conflation, and what must not be lost."""

import asyncio
from decimal import Decimal

from monitor.core.model.account import CROSS, Price
from monitor.core.model.events import (
    CommandsRead,
    CrossRead,
    Event,
    HealthRead,
    IsolatedRead,
    PricesRead,
    ReadFailed,
    StreamAlive,
    StreamEvent,
    Tick,
)
from monitor.runtime.account.inbox import MAX_BATCH, Inbox
from tests.support.examples.accounts import NOW, after, cross_snapshot, isolated_snapshot
from tests.support.timeouts import SOON_S


def price(value: int, seconds: float = 0, symbol: str = "BTCUSDT") -> PricesRead:
    return PricesRead({symbol: Price(Decimal(value), after(seconds))})


def event(number: int) -> StreamEvent:
    return StreamEvent("account", CROSS, "x", str(number), NOW, NOW, "{}")


async def drained(*events: Event) -> list[Event]:
    inbox = Inbox()
    for each in events:
        inbox.put(each)
    return await inbox.take()


async def test_stream_events_come_in_order_and_none_is_lost() -> None:
    inbox = Inbox()
    sent = [event(number) for number in range(3 * MAX_BATCH + 7)]
    for each in sent:
        inbox.put(each)
    found: list[Event] = []
    while len(found) < len(sent):
        part = await asyncio.wait_for(inbox.take(), SOON_S)
        assert len(part) <= MAX_BATCH
        found += part
    assert found == sent


async def test_only_the_newest_price_of_each_symbol_is_kept() -> None:
    inbox = Inbox()
    for each in (price(1, 0), price(2, 2), price(3, 1), price(9, 0, "ETHUSDT")):
        inbox.put(each)
    (found,) = await inbox.take()
    assert found == PricesRead({"BTCUSDT": Price(Decimal(2), after(2)), "ETHUSDT": Price(Decimal(9), NOW)})
    assert inbox.conflated == 2


async def test_waiting_prices_have_moved_if_one_of_them_has() -> None:
    calm, other = PricesRead(price(1).prices, frozenset()), price(9, 0, "ETHUSDT")
    for events, moved in (
        ([calm], frozenset()),
        ([calm, PricesRead(other.prices, frozenset({"ETHUSDT"}))], frozenset({"ETHUSDT"})),
        ([PricesRead(other.prices, frozenset({"ETHUSDT"})), calm], frozenset({"ETHUSDT"})),
        ([calm, other], None),
        ([other, calm], None),
    ):
        (found,) = await drained(*events)
        assert isinstance(found, PricesRead)
        assert found.moved == moved


async def test_move_that_was_taken_does_not_count_for_the_next_prices() -> None:
    inbox = Inbox()
    inbox.put(price(1))
    await inbox.take()
    inbox.put(PricesRead(price(2, 1).prices, frozenset()))
    assert await inbox.take() == [PricesRead(price(2, 1).prices, frozenset())]


async def test_snapshot_replaces_the_one_that_waits() -> None:
    assert await drained(CrossRead(cross_snapshot()), CrossRead(cross_snapshot(after(1)))) == [
        CrossRead(cross_snapshot(after(1)))
    ]


async def test_older_snapshot_does_not_replace_a_newer_one() -> None:
    assert await drained(CrossRead(cross_snapshot(after(1))), CrossRead(cross_snapshot())) == [
        CrossRead(cross_snapshot(after(1)))
    ]


async def test_cross_and_isolated_do_not_replace_each_other() -> None:
    found = await drained(CrossRead(cross_snapshot()), IsolatedRead(isolated_snapshot()))
    assert found == [CrossRead(cross_snapshot()), IsolatedRead(isolated_snapshot())]


async def test_ticks_health_and_commands_are_kept_once() -> None:
    orders = CommandsRead(paused=True)
    found = await drained(Tick(), HealthRead(1), Tick(), CommandsRead(), HealthRead(2), orders)
    assert found == [HealthRead(2), orders, Tick()]


async def test_liveness_reports_are_kept_per_stream() -> None:
    signs = (StreamAlive("risk", NOW), StreamAlive("market", NOW), StreamAlive("risk", after(1)))
    assert set(await drained(*signs)) == {StreamAlive("risk", after(1)), StreamAlive("market", NOW)}


async def test_prices_come_before_snapshots_and_time_comes_last() -> None:
    failed = ReadFailed("cross", CROSS, NOW, "no")
    found = await drained(Tick(), CrossRead(cross_snapshot()), price(1), failed)
    assert found == [failed, price(1), CrossRead(cross_snapshot()), Tick()]


async def test_take_waits_for_an_event() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(Tick())
    assert await asyncio.wait_for(waiting, SOON_S) == [Tick()]


async def test_no_event_is_taken_twice() -> None:
    inbox = Inbox()
    inbox.put(price(1))
    inbox.put(Tick())
    await inbox.take()
    inbox.put(event(1))
    assert await inbox.take() == [event(1)]
