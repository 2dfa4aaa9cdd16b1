"""The term of a lease: the epoch that a holder writes under, and the proofs that it still holds the lease."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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


@dataclass(frozen=True, slots=True)
class LeaseTaking:
    """A lease as it was taken in a transaction that may not be durable yet. `wait_s` None: it was this holder's own."""

    began_s: float
    epoch: int
    wait_s: float | None


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
        self._item = "the database" if account == WHOLE_DATABASE else "the account"
        self._steady_s = steady_s
        self._sends_from_s = float("-inf")
        self._proved_at_s: float | None = None
        self.epoch: int | None = None
        """The epoch of the newest taking; everything but claims is written under it. None: never taken."""

        self.loaded_epoch: int | None = None
        """The epoch under which this holder's memory holds everything; claims are made under it."""

        self.is_given_back = False
        """True once it was given back, and that is durable."""

    def take(self, connection: Connection) -> bool:
        """Take the lease, whose lock the connection holds; return whether another had it since this holder had it."""
        with connection.begin():
            taking = self.write_taking(connection)
        connection.info["lease"] = self
        return self.record_taking(taking)

    def write_taking(self, connection: Connection) -> LeaseTaking:
        """Take the lease in the connection's transaction; `record_taking` has to follow once that is durable."""
        began_s = self._steady_s()
        table = tables.leases
        before = connection.execute(select(table).where(table.c.account == self._account).with_for_update()).first()
        now = read_database_time(connection)
        is_same = before is not None and (before.epoch, before.holder) == (self.epoch, self.holder)
        epoch = self.epoch if is_same else self._next_epoch(connection)
        assert epoch is not None
        wait_s = None if is_same else self._handover_s(connection, now)
        since = before.since if is_same and before is not None else now
        row = {"account": self._account, "epoch": epoch, "holder": self.holder, "since": since, "renewed_at": now}
        connection.execute(upsert(table, connection.dialect, ("account",)), row)
        return LeaseTaking(began_s, epoch, wait_s)

    def record_taking(self, taking: LeaseTaking) -> bool:
        """Record a taking that is durable; return whether another had the lease since this holder had it."""
        was_another = self.epoch is not None and taking.wait_s is not None
        if taking.wait_s is not None:
            self._sends_from_s = self._steady_s() + taking.wait_s
            what = f"account={self._account} " if self._account != WHOLE_DATABASE else ""
            log.info("lease.taken %sepoch=%d sends_in_s=%.1f", what, taking.epoch, taking.wait_s)
        self.epoch = taking.epoch
        if self.loaded_epoch is None:
            self.loaded_epoch = taking.epoch
        self._proved_at_s = taking.began_s
        return was_another

    def is_recorded(self, connection: Connection) -> bool:
        """Return whether the database has the lease as this holder last took it; its row is locked from then on."""
        found = select(tables.leases.c.epoch).where(self._own_row).with_for_update()
        return connection.execute(found).first() is not None

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
            self.end()
            log.error("lease.lost epoch=%s why='another daemon took it'", self.epoch)

    def give_back(self, connection: Connection) -> None:
        """Give the lease back: nothing more is sent here, and the next holder may send at once.

        While the holder before may still be sending, the row of an account keeps a name: its next holder waits as well.
        """
        self.end()
        is_waiting = self._account != WHOLE_DATABASE and self.sends_in_s > 0
        given = update(tables.leases).where(self._own_row)
        left = self.holder if is_waiting else None
        connection.execute(given.values(holder=left, renewed_at=read_database_time(connection)))

    def record_proof(self, proved_at_s: float) -> None:
        """Record that a renewal that began at that steady moment is durable."""
        self._proved_at_s = proved_at_s

    def end(self) -> None:
        """End the term: nothing more is sent under it."""
        self._proved_at_s = None

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
            return Withheld(f"another daemon held {self._item} since it was decided")
        if self._proved_at_s is None:
            return Withheld(f"this daemon does not hold {self._item} any more")
        age_s = self._steady_s() - self._proved_at_s
        if age_s > MAX_PROOF_AGE_S:
            return Withheld(f"the lease of {self._item} was last proved {int(age_s)} s ago", by_limit=True)
        if self.sends_in_s:
            return Withheld(f"the daemon that held {self._item} before may still be sending")
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

    def _handover_s(self, connection: Connection, now: datetime) -> float:
        """Return the seconds in which a holder before may still send: none if it gave back or its process ended.

        That may be one of the whole database or, where this is taken whole, one of an account. The lock of a file ends
        with the process only. A row of the account that names this very holder, under an epoch that the term does not
        know, hides who held it before: the answer to its commit was lost.
        """
        if connection.dialect.name == "sqlite":
            return 0.0
        table = tables.leases
        if self._account == WHOLE_DATABASE:
            earlier = select(table).where(table.c.holder != self.holder)
        else:
            wanted = table.c.account.in_((self._account, WHOLE_DATABASE))
            earlier = select(table).where(wanted, table.c.holder.is_not(None))
        return max((_remaining_s(row, now) for row in connection.execute(earlier).all()), default=0.0)


def _remaining_s(before: Row[Any], now: datetime) -> float:
    """Return the seconds in which the holder of that row may still send."""
    since_s: float = (now - before.renewed_at).total_seconds()
    if since_s >= HANDOVER_S or session_names.is_process_gone(before.holder):
        return 0.0
    return min(HANDOVER_S, HANDOVER_S - since_s)


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
