"""Epochs of the lease: who took it last claims, whoever else still believes to hold it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry, Notice
from monitor.errors import LeaseOutdated
from monitor.store.db import connections as opening
from monitor.store.db.lease_term import HANDOVER_S, MAX_PROOF_AGE_S, LeaseTerm, outdate_claims
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import row_from_intent
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, at, intent, planned_entry, step

S = IntentState


class Steady:
    """A steady clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def read(self) -> float:
        return self.now_s


@pytest.fixture
def raw(database_url: str) -> Iterator[Connection]:
    """A connection that writes what it likes."""
    engine = opening.writing_engine(opening.parse_url(database_url))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def lease_row(epoch: int, account: str = "", holder: str | None = "somebody") -> dict[str, object]:
    return {"account": account, "epoch": epoch, "holder": holder, "since": NOW, "renewed_at": NOW}


def is_accepted(connection: Connection, change: object, row: dict[str, object] | None = None) -> bool:
    with connection.begin_nested() as savepoint:
        try:
            connection.execute(change, row)  # type: ignore[call-overload]
        except IntegrityError:
            return False
        finally:
            savepoint.rollback()
    return True


def plan(connection: Connection, number: int, account: str = "main", mode: str = "live") -> None:
    planned = replace(intent(number, account=account), mode=mode)  # type: ignore[arg-type]
    connection.execute(insert(tables.intents), row_from_intent(planned))
    connection.execute(insert(tables.intent_transitions), transition(number, 1, None, S.PLANNED, None))


def transition(number: int, seq: int, start: S | None, end: S, epoch: int | None) -> dict[str, object]:
    return {"intent": number, "seq": seq, "from_state": start, "to_state": end, "at": NOW, "note": "", "epoch": epoch}


def test_the_database_takes_only_claims_of_the_present_epoch(raw: Connection) -> None:
    plan(raw, 1)
    plan(raw, 2, account="other")
    plan(raw, 3, mode="manual")

    def takes(number: int, epoch: int | None) -> bool:
        return is_accepted(
            raw, insert(tables.intent_transitions), transition(number, 2, S.PLANNED, S.SUBMITTING, epoch)
        )

    assert takes(1, None), "without a lease there is no daemon"
    raw.execute(insert(tables.leases), lease_row(4))
    assert [takes(1, epoch) for epoch in (3, 4, 5, None)] == [False, True, False, False]
    raw.execute(insert(tables.leases), lease_row(5, "main"))
    assert [takes(1, epoch) for epoch in (4, 5)] == [False, True]
    assert [takes(2, epoch) for epoch in (4, 5)] == [True, False]
    raw.execute(update(tables.leases).where(tables.leases.c.account == "").values(epoch=6))
    assert [takes(1, epoch) for epoch in (5, 6)] == [False, True]
    assert takes(3, None), "a person's own order needs no lease"
    expired = transition(1, 2, S.PLANNED, S.EXPIRED, 1)
    assert is_accepted(raw, insert(tables.intent_transitions), expired), "to send nothing is always allowed"


def test_an_epoch_only_rises_and_no_lease_is_removed(raw: Connection) -> None:
    raw.execute(insert(tables.leases), lease_row(4))
    lease = update(tables.leases)
    assert is_accepted(raw, lease.values(epoch=5))
    assert not is_accepted(raw, lease.values(epoch=3))
    assert not is_accepted(raw, lease.values(account="main"))
    assert not is_accepted(raw, text("DELETE FROM leases"))
    if raw.dialect.name == "sqlite":
        assert not is_accepted(raw, insert(tables.leases).prefix_with("OR REPLACE"), lease_row(3))
    raw.execute(insert(tables.intents), {**row_from_intent(intent(1)), "epoch": 4})
    assert not is_accepted(raw, update(tables.intents).values(epoch=5))


def taken(connection: Connection, term: LeaseTerm) -> bool:
    """Take the lease as a new connection does."""
    connection.rollback()
    return term.take(connection)


def renewed(connection: Connection, term: LeaseTerm) -> float:
    """Renew the lease in a transaction of its own; return when the proof began."""
    connection.rollback()
    with connection.begin():
        term.renew(connection)
    proved_at: float = connection.info.pop("lease_proof")
    term.record_proof(proved_at)
    return proved_at


def test_epoch_rises_once_another_holder_had_the_lease(raw: Connection) -> None:
    first, second = LeaseTerm("first"), LeaseTerm("second")
    assert not taken(raw, first)
    assert not taken(raw, first), "it only connected again"
    assert first.epoch == 1
    assert not taken(raw, second)
    assert second.epoch == 2
    assert taken(raw, first)
    assert (first.epoch, first.loaded_epoch) == (3, 1)
    found = raw.execute(select(tables.leases)).one()
    assert (found.account, found.epoch, found.holder) == ("", 3, "first")
    assert found.since <= found.renewed_at


def test_a_holder_sends_only_while_its_last_proof_is_young(raw: Connection) -> None:
    clock = Steady()
    term = LeaseTerm("first", steady_s=clock.read)
    taken(raw, term)
    clock.now_s += MAX_PROOF_AGE_S - 0.1
    assert term.find_objection() is None
    clock.now_s += 0.2
    found = term.find_objection()
    assert found is not None
    assert "last proved" in found.reason
    renewed(raw, term)
    assert term.find_objection() is None


def test_a_holder_whose_lease_was_taken_stops_at_its_next_renewal(raw: Connection) -> None:
    first, second = LeaseTerm("first"), LeaseTerm("second")
    taken(raw, first)
    taken(raw, second)
    raw.rollback()
    with raw.begin():
        first.renew(raw)
    assert "lease_proof" not in raw.info
    found = first.find_objection()
    assert found is not None
    assert "does not hold" in found.reason


def test_upgrade_outdates_claims_and_leaves_known_who_may_still_be_sending(raw: Connection) -> None:
    first, second = LeaseTerm("first"), LeaseTerm("second")
    outdate_claims(raw)
    taken(raw, first)
    plan(raw, 1)
    claim = transition(1, 2, S.PLANNED, S.SUBMITTING, first.epoch)
    assert is_accepted(raw, insert(tables.intent_transitions), claim)
    outdate_claims(raw)
    assert not is_accepted(raw, insert(tables.intent_transitions), claim)
    raw.commit()
    taken(raw, second)
    assert second.epoch == 3
    assert (second.sends_in_s > 0) == (raw.dialect.name == "postgresql")


def test_decisions_from_before_another_holder_are_not_sent(raw: Connection) -> None:
    first, second = LeaseTerm("first"), LeaseTerm("second")
    for term in (first, second, first):
        taken(raw, term)
    found = first.find_objection()
    assert found is not None
    assert "another daemon held" in found.reason
    first.take_up(first.epoch)
    assert first.find_objection() is None or raw.dialect.name == "postgresql"


def test_successor_waits_until_nothing_of_a_holder_that_may_run_can_arrive(raw: Connection) -> None:
    clock = Steady()
    first, second, third = (LeaseTerm(name, steady_s=clock.read) for name in ("first", "second", "third"))
    taken(raw, first)
    taken(raw, second)
    if raw.dialect.name == "sqlite":
        # The lock of a file ends with its process only.
        assert second.find_objection() is None
        return
    assert HANDOVER_S - 5 < second.sends_in_s <= HANDOVER_S
    found = second.find_objection()
    assert found is not None
    assert "may still be sending" in found.reason
    clock.now_s += HANDOVER_S
    renewed(raw, second)
    assert second.find_objection() is None
    raw.rollback()
    with raw.begin():
        second.give_back(raw)
    taken(raw, third)
    assert third.sends_in_s == 0
    assert second.find_objection() is not None


async def test_everything_carries_the_epoch_that_it_was_written_under(database_url: str) -> None:
    for epoch in (1, 2):
        store = Store.open(database_url)
        try:
            planned = intent(epoch, asset=f"A{epoch}")
            await store.commit(planned_entry(planned))
            assert await store.claim(planned, NOW)
            await store.commit(JournalEntry("main", NOW, notices=(Notice("info", "hello", ("phone",), at(epoch)),)))
        finally:
            await store.close()
    engine = opening.reading_engine(opening.parse_url(database_url))
    with engine.connect() as connection:
        for table in (tables.intents, tables.deliveries):
            assert list(connection.execute(select(table.c.epoch).order_by(table.c.id)).scalars()) == [1, 2]
        steps = tables.intent_transitions
        claims = select(steps.c.epoch).where(steps.c.to_state == S.SUBMITTING).order_by(steps.c.intent)
        assert list(connection.execute(claims).scalars()) == [1, 2]
        assert connection.execute(select(tables.leases.c.holder)).scalar() is None, "it was given back"
    engine.dispose()


def open_without_lock_file(path: Path) -> Store:
    Path(f"{path}.lock").unlink()
    return Store.open(f"sqlite:///{path}")


@contextlib.asynccontextmanager
async def two_stores_of_one_file(path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores that both hold a lock on the database: somebody removed the file that the first one locked."""
    first = Store.open(f"sqlite:///{path}")
    try:
        second = open_without_lock_file(path)
        try:
            yield first, second
        finally:
            await second.close()
    finally:
        await first.close()


async def test_claim_of_a_daemon_that_lost_its_lock_is_refused(tmp_path: Path) -> None:
    async with two_stores_of_one_file(tmp_path / "monitor.db") as (first, second):
        planned = intent(1)
        await first.commit(planned_entry(planned))
        with pytest.raises(LeaseOutdated, match="another daemon has taken the database over"):
            await first.claim(planned, NOW)
        assert await second.claim(planned, NOW)
        await first.update_last_seen(NOW)
        assert first.lease is not None
        assert first.lease.find_objection() is not None
        assert second.lease is not None
        assert second.lease.find_objection() is None


async def test_unit_beside_a_refused_claim_is_written(tmp_path: Path) -> None:
    async with two_stores_of_one_file(tmp_path / "monitor.db") as (first, second):
        planned = intent(1)
        await first.commit(planned_entry(planned))
        expired = replace(planned, state=S.EXPIRED, settled_at=NOW)
        claimed, moved = await asyncio.gather(
            first.claim(planned, NOW), first.record_step(expired, step(1, S.PLANNED, S.EXPIRED)), return_exceptions=True
        )
        assert isinstance(claimed, LeaseOutdated)
        assert moved is True
        assert not await second.claim(planned, NOW)
