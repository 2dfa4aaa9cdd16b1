"""A ban outlives the daemon that caused it."""

from datetime import UTC, datetime, timedelta

from monitor.clock import ManualClock
from monitor.exchange.binance.rate_limits import Pool, Usage
from monitor.runtime.bans import BanBook
from monitor.store.store import Store
from monitor.store.writes import bans
from monitor.store.writes.bans import LONGEST_BAN

POOL = Pool("/api")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_a_ban_is_obeyed_by_the_next_daemon(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        first, clock = Usage(), ManualClock(NOW)
        book = BanBook(first, store, clock)
        await book.recall()
        await book.keep()
        assert await store.read(bans.banned_until) is None
        first.ban(clock.elapsed_s() + 300)
        await book.keep()
        later, second = ManualClock(NOW + timedelta(minutes=2)), Usage()
        await BanBook(second, store, later).recall()
        assert second.banned_until_s == later.elapsed_s() + 180
    finally:
        await store.close()


async def test_a_longer_ban_replaces_the_shorter_one(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        usage, clock = Usage(), ManualClock(NOW)
        book = BanBook(usage, store, clock)
        for minutes in (2, 30):
            usage.ban(clock.elapsed_s() + minutes * 60)
            await book.keep()
        assert await store.read(bans.banned_until) == NOW + timedelta(minutes=30)
    finally:
        await store.close()


async def test_a_ban_lasts_as_long_as_it_was_given_however_the_clock_is_corrected(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        for behind_s in (-600, 600):
            usage, clock = Usage(), ManualClock(NOW + timedelta(days=behind_s))
            book = BanBook(usage, store, clock)
            usage.ban(clock.elapsed_s() + 120)
            await book.keep()
            now_s = clock.elapsed_s()
            clock.learn(clock.now() + timedelta(seconds=behind_s), now_s, now_s)
            await book.keep()
            assert usage.wait_s(POOL, 1, clock.now(), clock.elapsed_s()) == 120
            assert await store.read(bans.banned_until) == clock.now() + timedelta(seconds=120)
    finally:
        await store.close()


async def test_a_ban_that_was_stamped_by_a_clock_ahead_is_no_longer_than_any(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        await store.order(bans.remember, NOW + timedelta(days=400))
        usage, clock = Usage(), ManualClock(NOW)
        book = BanBook(usage, store, clock)
        await book.recall()
        await book.keep()
        assert usage.banned_until_s == clock.elapsed_s() + LONGEST_BAN.total_seconds()
        assert await store.read(bans.banned_until) == NOW + LONGEST_BAN
    finally:
        await store.close()


async def test_a_recalled_ban_is_never_longer_than_it_was_given(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        usage, clock = Usage(), ManualClock(NOW)
        book = BanBook(usage, store, clock)
        usage.ban(clock.elapsed_s() + 300)
        await book.keep()
        # Started where the exchange can't be asked for its time, by a wall clock that is two hours behind.
        later, second = ManualClock(NOW - timedelta(hours=2)), Usage()
        await BanBook(second, store, later).recall()
        assert second.banned_until_s == later.elapsed_s() + 300
    finally:
        await store.close()
