"""The end of a record moves on with the daemon, and tells when a database lost its own."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.journal import Entry
from monitor.core.model.ledger import Foreign
from monitor.store.store import Store
from monitor.store.writes import record_coverage
from tests.support.examples.store_rows import NOW, at

FOUND = Foreign("repay", Scope("BTCUSDT"), "USDT", Decimal("500.5"), NOW, True, "capital-flow BTCUSDT 77", NOW)
EQUAL = replace(FOUND, key="capital-flow BTCUSDT 78")


async def test_an_account_never_seen_has_no_record(store: Store) -> None:
    loaded = await store.load("main", NOW)
    assert (loaded.known_until, loaded.found) == (None, ())
    assert await store.seen(at(1), recorded={"main": None}) == record_coverage.Extended((), ())


async def test_what_was_found_and_the_end_of_the_record_are_remembered(store: Store) -> None:
    for _ in range(2):
        await store.commit(Entry("main", NOW, found=(FOUND, EQUAL), known_until=at(5)))
    await store.commit(Entry("main", NOW, known_until=at(2)))
    loaded = await store.load("main", at(60))
    assert (loaded.known_until, loaded.found) == (at(5), (FOUND, EQUAL))
    assert (await store.load("main", at(86400))).found == ()
    assert (await store.load("other", at(60))).found == ()


async def test_a_record_is_extended_only_from_where_it_was_left(store: Store) -> None:
    await store.commit(Entry("main", NOW, known_until=NOW))
    assert await store.seen(at(1), recorded={"main": None}) == record_coverage.Extended(("main",), ())
    assert await store.seen(at(2), recorded={"main": at(1)}) == record_coverage.Extended(("main",), ())
    # As if what was committed since had been lost.
    assert await store.seen(at(9), recorded={"main": at(8)}) == record_coverage.Extended((), ("main",))
    assert (await store.load("main", NOW)).known_until == at(2)
