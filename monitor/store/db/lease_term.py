"""The term of a lease: the epoch that a holder writes under, and the proofs that it still holds the lease."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, text, update

from monitor.clock import MachineClock
from monitor.core.model.order import MAX_LEASE_PROOF_AGE, Withheld
from monitor.store.db import session_names
from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables
from monitor.store.schema.columns import EPOCH

log = logging.getLogger(__name__)

_MACHINE = MachineClock()

WHOLE_DATABASE = ""
"""The name of the lease of all accounts; no account has an empty name."""

MAX_PROOF_AGE_S = MAX_LEASE_PROOF_AGE.total_seconds()

HANDOVER_S = 2 * MAX_PROOF_AGE_S
"""Seconds after the last renewal of a holder that may still run, before which its successor sends no order."""

_MILLISECOND = timedelta(milliseconds=1)
_NOW_MS = {
    "postgresql": "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}


class LeaseTerm:
    """The term of one holder of the lease. Its connection takes and renews it; whoever sends an order asks it.

    Each taking counts the epoch up, unless nobody else had the lease since this holder had it. Times between holders
    are the database's, the age of a proof is counted on this machine's steady clock.
    """

    def __init__(
        self,
        holder: str,
        account: str = WHOLE_DATABASE,
        steady_s: Callable[[], float] = _MACHINE.steady_s,
        check: Callable[[Connection], None] = lambda connection: None,
    ) -> None:
        """`holder` is the name of the sessions of this holder, and of no other.

        `check` raises StoreError where a connection can't prove the lease any more.
        """
        self._check = check
        self.holder = holder
        self._account = account
        self._steady_s = steady_s
        self._sends_from_s = float("-inf")
        self._proved_at_s: float | None = None
        self.epoch: int | None = None
        """The epoch of the newest taking; everything but claims is written under it. None: never taken."""

        self.loaded_epoch: int | None = None
        """The epoch under which this holder's memory holds everything; claims are made under it."""

    def take(self, connection: Connection) -> bool:
        """Take the lease, whose lock the connection holds; return whether another had it since this holder had it."""
        began_s = self._steady_s()
        table = tables.leases
        with connection.begin():
            before = connection.execute(select(table).where(table.c.account == self._account).with_for_update()).first()
            now = read_database_time(connection)
            is_same = before is not None and (before.epoch, before.holder) == (self.epoch, self.holder)
            epoch = self.epoch if is_same else self._next_epoch(connection)
            assert epoch is not None
            since = before.since if is_same and before is not None else now
            row = {"account": self._account, "epoch": epoch, "holder": self.holder, "since": since, "renewed_at": now}
            connection.execute(upsert(table, connection.dialect, ("account",)), row)
        was_another = self.epoch is not None and not is_same
        if not is_same:
            wait_s = 0.0 if before is None else self._handover_s(connection, before, now)
            self._sends_from_s = self._steady_s() + wait_s
            log.info("lease.taken epoch=%d sends_in_s=%.1f", epoch, wait_s)
        self.epoch = epoch
        if self.loaded_epoch is None:
            self.loaded_epoch = epoch
        self._proved_at_s = began_s
        connection.info["lease"] = self
        return was_another

    def renew(self, connection: Connection) -> None:
        """Renew the lease in the connection's transaction, which proves it once the transaction is durable.

        Raises StoreError where the connection must not be used any more.
        """
        began_s = self._steady_s()
        self._check(connection)
        renewed = update(tables.leases).where(self._own_row).values(renewed_at=read_database_time(connection))
        if connection.execute(renewed).rowcount == 1:
            connection.info["lease_proof"] = began_s
        elif self._proved_at_s is not None:
            self._proved_at_s = None
            log.error("lease.lost epoch=%s why='another daemon took it'", self.epoch)

    def give_back(self, connection: Connection) -> None:
        """Give the lease back: nothing more is sent here, and the next holder may send at once."""
        self._proved_at_s = None
        given = update(tables.leases).where(self._own_row)
        connection.execute(given.values(holder=None, renewed_at=read_database_time(connection)))

    def record_proof(self, proved_at_s: float) -> None:
        """Record that a renewal that began at that steady moment is durable."""
        self._proved_at_s = proved_at_s

    @property
    def is_held(self) -> bool:
        """True while the last proof is young: nobody else can have the lease."""
        return self._proved_at_s is not None and self._steady_s() - self._proved_at_s <= MAX_PROOF_AGE_S

    def take_up(self, epoch: int | None) -> None:
        """Let claims be made under that epoch: this holder's memory has everything that was written before it began."""
        self.loaded_epoch = epoch

    @property
    def sends_in_s(self) -> float:
        """Seconds until nothing that an earlier holder sent can be accepted any more; zero if that is so."""
        return max(0.0, self._sends_from_s - self._steady_s())

    def find_objection(self) -> Withheld | None:
        """Return why this holder must not send an order at this moment; None if it may."""
        if self.loaded_epoch != self.epoch:
            return Withheld("another daemon held the database since it was decided")
        if self._proved_at_s is None:
            return Withheld("this daemon does not hold the database any more")
        age_s = self._steady_s() - self._proved_at_s
        if age_s > MAX_PROOF_AGE_S:
            return Withheld(f"the lease of the database was last proved {int(age_s)} s ago", by_limit=True)
        if self.sends_in_s:
            return Withheld("the daemon that held the database before may still be sending")
        return None

    @property
    def _own_row(self) -> ColumnElement[bool]:
        table = tables.leases
        return and_(table.c.account == self._account, table.c.epoch == self.epoch, table.c.holder == self.holder)

    def _next_epoch(self, connection: Connection) -> int:
        # Above every epoch, so that those of one account and of the whole database can be compared. A server that
        # failed over may have lost the last one.
        highest: int | None = connection.execute(select(func.max(tables.leases.c.epoch))).scalar()
        return 1 + max(highest or 0, self.epoch or 0)

    def _handover_s(self, connection: Connection, before: Row[tuple[object, ...]], now: datetime) -> float:
        """Return the seconds in which the holder before may still send: none if it gave back or its process ended.

        The lock of a file ends with the process only.
        """
        if connection.dialect.name == "sqlite" or before.holder in (None, self.holder):
            return 0.0
        if session_names.is_process_gone(before.holder):
            return 0.0
        since_s: float = (now - before.renewed_at).total_seconds()
        return min(HANDOVER_S, max(0.0, HANDOVER_S - since_s))


def read_database_time(connection: Connection) -> datetime:
    """Return the time by the database's own clock, which all holders share."""
    milliseconds: int = connection.execute(text(_NOW_MS[connection.dialect.name])).scalar_one()
    return EPOCH + milliseconds * _MILLISECOND


def outdate_claims(connection: Connection) -> None:
    """Count the epoch up, so that the database refuses the claims of every daemon that held it before.

    Who that was, and since when nothing more of it can arrive, stays recorded.
    """
    highest: int | None = connection.execute(select(func.max(tables.leases.c.epoch))).scalar()
    if highest is not None:
        connection.execute(update(tables.leases).values(epoch=highest + 1))


def renew_lease(connection: Connection) -> None:
    """Renew the lease of this connection; nothing for a connection without one, such as a command's."""
    term = _term_of(connection)
    if term is not None:
        term.renew(connection)


def give_lease_back(connection: Connection) -> None:
    """Give back the lease of this connection, if it has one."""
    term = _term_of(connection)
    if term is not None:
        term.give_back(connection)


def record_proof(connection: Connection) -> None:
    """Record the renewal of the connection's lease, if there was one, now that its transaction is durable."""
    proved_at_s = connection.info.pop("lease_proof", None)
    term = _term_of(connection)
    if term is not None and proved_at_s is not None:
        term.record_proof(proved_at_s)


def holder_name(connection: Connection) -> str | None:
    """Return the name under which this connection holds the lease; None for a command's."""
    term = _term_of(connection)
    return None if term is None else term.holder


def written_epoch(connection: Connection) -> int | None:
    """Return the epoch under which this connection writes; None for a command's."""
    term = _term_of(connection)
    return None if term is None else term.epoch


def claiming_epoch(connection: Connection) -> int | None:
    """Return the epoch under which this connection's daemon decides; None for a command's."""
    term = _term_of(connection)
    return None if term is None else term.loaded_epoch


def _term_of(connection: Connection) -> LeaseTerm | None:
    found: LeaseTerm | None = connection.info.get("lease")
    return found
