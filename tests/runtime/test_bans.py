"""A ban outlives the daemon that caused it."""

from datetime import UTC, datetime, timedelta

from monitor.exchange.binance.limits import Usage
from monitor.runtime.bans import BanBook
from monitor.store import bans
from monitor.store.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_a_ban_is_obeyed_by_the_next_daemon(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        first = Usage()
        book = BanBook(first, store)
        await book.recall()
        await book.keep()
        assert await store.read(bans.banned_until) is None
        first.ban(NOW + timedelta(minutes=5))
        await book.keep()
        second = Usage()
        await BanBook(second, store).recall()
        assert second.banned_until == NOW + timedelta(minutes=5)
    finally:
        await store.close()


async def test_a_longer_ban_replaces_the_shorter_one(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        usage = Usage()
        book = BanBook(usage, store)
        for minutes in (2, 30):
            usage.ban(NOW + timedelta(minutes=minutes))
            await book.keep()
        assert await store.read(bans.banned_until) == NOW + timedelta(minutes=30)
    finally:
        await store.close()
