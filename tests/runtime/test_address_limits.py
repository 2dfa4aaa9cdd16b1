"""A ban outlives the daemon that caused it."""

from datetime import UTC, datetime, timedelta

from monitor.exchange.binance.rate_limits import WeightBudget, WeightPool
from monitor.runtime.address_limits import AddressLimits
from monitor.store.store import Store
from monitor.store.writes import bans
from monitor.store.writes.bans import MAX_BAN
from tests.support.clocks.manual_clock import ManualClock

POOL = WeightPool("/api")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_ban_holds_for_the_next_daemon(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        first, clock = WeightBudget(), ManualClock(NOW)
        book = AddressLimits(first, store, clock)
        await book.restore()
        await book.save()
        assert await store.read(bans.read_banned_until) is None
        first.ban(clock.elapsed_s() + 300)
        await book.save()
        later, second = ManualClock(NOW + timedelta(minutes=2)), WeightBudget()
        await AddressLimits(second, store, later).restore()
        assert second.banned_until_s == later.elapsed_s() + 180
    finally:
        await store.close()


async def test_a_longer_ban_replaces_the_shorter_one(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        usage, clock = WeightBudget(), ManualClock(NOW)
        book = AddressLimits(usage, store, clock)
        for minutes in (2, 30):
            usage.ban(clock.elapsed_s() + minutes * 60)
            await book.save()
        assert await store.read(bans.read_banned_until) == NOW + timedelta(minutes=30)
    finally:
        await store.close()


async def test_ban_length_survives_a_clock_correction(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        for behind_s in (-600, 600):
            usage, clock = WeightBudget(), ManualClock(NOW + timedelta(days=behind_s))
            book = AddressLimits(usage, store, clock)
            usage.ban(clock.elapsed_s() + 120)
            await book.save()
            now_s = clock.elapsed_s()
            clock.record_measurement(clock.now() + timedelta(seconds=behind_s), now_s, now_s)
            await book.save()
            assert usage.wait_s(POOL, 1, clock.now(), clock.elapsed_s()) == 120
            assert await store.read(bans.read_banned_until) == clock.now() + timedelta(seconds=120)
    finally:
        await store.close()


async def test_ban_stamped_in_the_future_is_bounded(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        await store.execute(bans.save_ban, NOW + timedelta(days=400))
        usage, clock = WeightBudget(), ManualClock(NOW)
        book = AddressLimits(usage, store, clock)
        await book.restore()
        await book.save()
        assert usage.banned_until_s == clock.elapsed_s() + MAX_BAN.total_seconds()
        assert await store.read(bans.read_banned_until) == NOW + MAX_BAN
    finally:
        await store.close()


async def test_loaded_ban_is_never_longer_than_issued(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        usage, clock = WeightBudget(), ManualClock(NOW)
        book = AddressLimits(usage, store, clock)
        usage.ban(clock.elapsed_s() + 300)
        await book.save()
        # Started where the exchange can't be asked for its time, by a wall clock that is two hours behind.
        later, second = ManualClock(NOW - timedelta(hours=2)), WeightBudget()
        await AddressLimits(second, store, later).restore()
        assert second.banned_until_s == later.elapsed_s() + 300
    finally:
        await store.close()


async def test_ban_holds_for_the_daemons_of_its_address_alone(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        clock = ManualClock(NOW)
        banned, beside, elsewhere = WeightBudget(), WeightBudget(), WeightBudget()
        limits = AddressLimits(banned, store, clock, "one")
        banned.ban(clock.elapsed_s() + 300)
        await limits.save()
        await AddressLimits(beside, store, clock, "one").restore()
        await AddressLimits(elsewhere, store, clock, "another").restore()
        assert [each.banned_until_s for each in (beside, elsewhere)] == [clock.elapsed_s() + 300, None]
        # One from a time in which a single daemon held the database holds for all.
        await store.execute(bans.save_ban, NOW + timedelta(seconds=100))
        await AddressLimits(elsewhere, store, clock, "another").restore()
        assert elsewhere.banned_until_s == clock.elapsed_s() + 100
        assert await store.read(bans.read_banned_until) == NOW + timedelta(seconds=300)
    finally:
        await store.close()
