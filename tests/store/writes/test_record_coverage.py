"""The end of a record moves on with the daemon, and tells when a database lost its own."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.journal import JournalEntry
from monitor.core.model.ledger import ForeignMovement
from monitor.store.store import Store
from monitor.store.writes import record_coverage
from tests.support.examples.store_rows import NOW, at

FOUND = ForeignMovement("repay", Scope("BTCUSDT"), "USDT", Decimal("500.5"), NOW, True, "capital-flow BTCUSDT 77", NOW)
EQUAL = replace(FOUND, key="capital-flow BTCUSDT 78")


async def test_an_account_never_seen_has_no_record(store: Store) -> None:
    loaded = await store.load_state("main", NOW)
    assert (loaded.recorded_until, loaded.gap_movements) == (None, ())
    assert await store.update_last_seen(at(1), recorded={"main": None}) == record_coverage.CoverageUpdate((), ())


async def test_found_movements_and_record_end_are_stored(store: Store) -> None:
    for _ in range(2):
        await store.commit(JournalEntry("main", NOW, gap_movements=(FOUND, EQUAL), known_until=at(5)))
    await store.commit(JournalEntry("main", NOW, known_until=at(2)))
    loaded = await store.load_state("main", at(60))
    assert (loaded.recorded_until, loaded.gap_movements) == (at(5), (FOUND, EQUAL))
    assert (await store.load_state("main", at(86400))).gap_movements == ()
    assert (await store.load_state("other", at(60))).gap_movements == ()


async def test_a_record_is_extended_only_from_where_it_was_left(store: Store) -> None:
    await store.commit(JournalEntry("main", NOW, known_until=NOW))
    assert await store.update_last_seen(at(1), recorded={"main": None}) == record_coverage.CoverageUpdate(("main",), ())
    assert await store.update_last_seen(at(2), recorded={"main": at(1)}) == record_coverage.CoverageUpdate(
        ("main",), ()
    )
    # As if what was committed since had been lost.
    assert await store.update_last_seen(at(9), recorded={"main": at(8)}) == record_coverage.CoverageUpdate(
        (), ("main",)
    )
    assert (await store.load_state("main", NOW)).recorded_until == at(2)
