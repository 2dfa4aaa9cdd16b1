"""The leases of a daemon that shares the accounts of its PostgreSQL database with other daemons."""

import json
import logging
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Row, select, update

from monitor.clock import MachineClock
from monitor.records.address_usage import AddressUsage
from monitor.records.leases import Division
from monitor.store.db import session_names
from monitor.store.db.account_locks import end_holder, end_older_sessions, read_others, try_lock, unlock
from monitor.store.db.account_shares import (
    GONE,
    SHARED,
    OtherDaemons,
    Surplus,
    UnchangedItems,
    compute_quota,
    exchange_rows,
    is_rejoining,
)
from monitor.store.db.lease_term import LeaseTaking, LeaseTerm, read_database_time
from monitor.store.schema import tables

log = logging.getLogger(__name__)

_MACHINE = MachineClock()

LEADER = "*"
"""The name of the lease of what is done once a database; no account has it."""

_CHANGES = "lease_changes"


@dataclass(frozen=True, slots=True)
class _LeaseChanges:
    """What a transaction took, gave back and renewed: it counts once the transaction is durable."""

    taken: Mapping[str, tuple[LeaseTerm, LeaseTaking]] = field(default_factory=dict)
    given: Mapping[str, LeaseTerm] = field(default_factory=dict)
    renewed: Mapping[str, LeaseTerm] = field(default_factory=dict)
    renewed_at_s: float = 0.0


class AccountLeases:
    """One lease for each account that a daemon holds: a lock of the session that writes, and a term with its epoch.

    All but the properties and `report` belong to the thread of that session. The lock decides who holds an account; the
    row of its lease names the holder for others, who end a session whose row does not change any more.
    """

    def __init__(
        self,
        holder: str,
        check: Callable[[Connection], None] = lambda connection: None,
        steady_s: Callable[[], float] = _MACHINE.steady_s,
    ) -> None:
        """`holder` is the name of the sessions of this daemon, and of no other.

        `check` raises StoreError where a connection must not be used any more.
        """
        self.holder = holder
        self._check = check
        self._steady_s = steady_s
        # Replaced, never changed: other threads read it.
        self._terms: Mapping[str, LeaseTerm] = {}
        self._reported: Mapping[str, LeaseTerm] = {}
        self._locked: set[str] = set()
        self._unchanged = UnchangedItems()
        self._configured: tuple[str, ...] = ()
        self._others: Mapping[str, frozenset[str]] = {}
        self._unclaimed: set[str] = set()
        """Accounts that it holds above its share since no other daemon took them, though one has them."""

        self._is_registered = False
        self._resumed_at_s = float("-inf")

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that this daemon holds."""
        return frozenset(self._terms) - {LEADER}

    @property
    def daemon_columns(self) -> Mapping[str, str]:
        """What the row of this daemon says of its leases, for others: that it shares, and what it could hold."""
        return {"lease": SHARED, "accounts": json.dumps(self._configured)}

    def find_term(self, item: str) -> LeaseTerm | None:
        """Return the term of that account, or of LEADER; None where it is not held."""
        return self._terms.get(item)

    def report(self, surplus: Surplus) -> Division:
        """Return what is held now, and what has changed since the last report; a change is reported once."""
        now, before = self._terms, self._reported
        self._reported = now
        taken = {item for item, term in now.items() if before.get(item) is not term}
        lost = {item for item, term in before.items() if now.get(item) is not term and not term.is_given_back}
        leader = {LEADER}
        return Division(
            held=frozenset(now) - leader,
            taken=frozenset(taken - lost - leader),
            lost=frozenset(lost - leader),
            surplus=tuple(account for account in surplus.accounts if account in now),
            members=surplus.members,
            is_leader=LEADER in now,
            usage=surplus.usage,
            elsewhere=surplus.elsewhere,
        )

    def resume(self, connection: Connection) -> bool:
        """Hold on a new connection what no other daemon took meanwhile; return whether it is another database.

        The database may have been away for all: for a moment the others can resume what they hold (`is_rejoining`).
        """
        connection.info["lease"] = self
        self._locked.clear()
        end_older_sessions(connection, self.holder)
        takings: dict[str, LeaseTaking] = {}
        with connection.begin():
            is_other = self._is_other_database(connection)
            for item, term in self._terms.items():
                if not is_other and self._try_lock(connection, item) and term.is_recorded(connection):
                    takings[item] = term.write_taking(connection)
        for item, taking in takings.items():
            self._terms[item].record_taking(taking)
        if is_other:
            self._is_registered = False
        elif self._is_registered:
            self._resumed_at_s = self._steady_s()
        self._drop(self._terms.keys() - takings.keys(), "another daemon took it")
        return is_other

    def renew(self, connection: Connection) -> None:
        """Renew all terms in the connection's transaction; drop those that another daemon has taken.

        Raises StoreError where the connection must not be used any more.
        """
        began_s = self._steady_s()
        self._check(connection)
        table, changes = tables.leases, _changes_of(connection)
        terms = _without(self._terms, changes.given)
        if terms:
            own = update(table).where(table.c.holder == self.holder, table.c.account.in_(terms))
            own = own.values(renewed_at=read_database_time(connection))
            rows = connection.execute(own.returning(table.c.account, table.c.epoch)).all()
            epochs = {row.account: row.epoch for row in rows}
            lost = {item: term for item, term in terms.items() if epochs.get(item) != term.epoch}
            self._drop(lost, "another daemon took it")
            terms = _without(terms, lost)
        connection.info[_CHANGES] = replace(changes, renewed=terms, renewed_at_s=began_s)

    def record_changes(self, connection: Connection) -> None:
        """Record what the connection's transaction took, gave back and renewed, now that it is durable."""
        changes: _LeaseChanges | None = connection.info.pop(_CHANGES, None)
        if changes is None:
            return
        for term, taking in changes.taken.values():
            term.record_taking(taking)
        for term in changes.given.values():
            term.is_given_back = True
        taken = {item: term for item, (term, _) in changes.taken.items()}
        self._terms = {**_without(self._terms, changes.given), **taken}
        self._unclaimed -= changes.given.keys()
        for item, term in changes.renewed.items():
            if self._terms.get(item) is term:
                term.record_proof(changes.renewed_at_s)

    def give_back(self, connection: Connection, accounts: Collection[str] | None = None) -> None:
        """Give accounts back, by default all with LEADER; `unlock` has to follow once that is durable.

        Nothing is sent for them from now on.
        """
        given = {item: term for item, term in self._terms.items() if accounts is None or item in accounts}
        for term in given.values():
            term.give_back(connection)
        changes = _changes_of(connection)
        connection.info[_CHANGES] = replace(changes, given={**changes.given, **given})
        if accounts is None:
            table = tables.daemons
            connection.execute(update(table).where(table.c.id == self.holder).values(lease=GONE))

    def unlock(self, connection: Connection) -> None:
        """Let other daemons take what this one does not hold any more."""
        for item in self._locked - self._terms.keys() - _changes_of(connection).taken.keys():
            unlock(connection, item)
            self._locked.discard(item)

    def divide(
        self,
        connection: Connection,
        accounts: Sequence[str],
        ending: Collection[str] = (),
        usage: AddressUsage | None = None,
    ) -> Surplus:
        """Renew everything held, end sessions of holders that are hung or gone, and take what this daemon lacks.

        Every daemon does so each second, by itself: all come to the same shares from the same rows. `ending` are not
        taken now: something of them that this daemon held before still runs.

        Only accounts that another daemon has as well are divided; the rest is always this one's. One above its share
        that nobody takes is kept until a daemon that has it comes, or changes its configuration. `usage` is what this
        one knows of its address, for those beside it.
        """
        self._configured = tuple(sorted(set(accounts)))
        self.unlock(connection)
        self.renew(connection)
        present = self._read_others(connection, usage)
        others_of = present.accounts
        common = frozenset(name for name in accounts if any(name in theirs for theirs in others_of.values()))
        items = (*dict.fromkeys(accounts), LEADER)
        rows = self._read_rows(connection, items)
        others = read_others(connection, items)
        abandoned = self._observe(items, rows, others)
        if ended := self._end_holders(connection, others, abandoned):
            abandoned -= ended
            others = read_others(connection, items, until_free=ended)
        unheld = [item for item in items if item not in others and item not in self._own(connection)]
        free = [item for item in unheld if item not in ending]
        if LEADER in free:
            self._take(connection, LEADER)
        own = self._own(connection).keys() & common
        held = {name: 0 for name, theirs in others_of.items() if theirs & common} | {self.holder: len(own)}
        for row in rows.values():
            if row.account in common and row.holder in held and row.holder != self.holder:
                held[row.holder] += 1
        quota = compute_quota(self.holder, held, len(common))
        self._unclaimed &= own
        lacking = quota - len(own - self._unclaimed)
        for item in self._in_own_order(item for item in free if item != LEADER):
            if item not in common:
                self._take(connection, item)
            elif lacking > 0:
                lacking -= self._take(connection, item)
            elif item in abandoned and self._take(connection, item):
                log.warning("lease.unclaimed account=%s why='no other daemon takes it'", item)
                self._unclaimed.add(item)
        over = sorted(own - self._unclaimed)[quota:]
        foreign = sorted(self.accounts - set(accounts))
        elsewhere = frozenset[str]().union(*others_of.values())
        return Surplus((*over, *foreign), len(others_of) + 1, present.usage, elsewhere)

    def take(self, connection: Connection, accounts: Collection[str]) -> None:
        """Take those of the accounts that nobody holds, whatever this daemon's share."""
        self.unlock(connection)
        for account in sorted(accounts - self._own(connection).keys()):
            self._take(connection, account)

    def _own(self, connection: Connection) -> Mapping[str, object]:
        """Return what is held, with what this transaction has taken, without what it has given back."""
        changes = _changes_of(connection)
        return {**_without(self._terms, changes.given), **changes.taken}

    def _take(self, connection: Connection, item: str) -> bool:
        """Take an item whose lock is free; False for one whose loss is not reported yet, and while all reconnect."""
        before = self._reported.get(item)
        is_unreported = before is not None and not before.is_given_back
        if is_unreported or is_rejoining(self._resumed_at_s, self._steady_s()) or not self._try_lock(connection, item):
            return False
        term = LeaseTerm(self.holder, item, self._steady_s)
        taking, changes = term.write_taking(connection), _changes_of(connection)
        connection.info[_CHANGES] = replace(changes, taken={**changes.taken, item: (term, taking)})
        return True

    def _try_lock(self, connection: Connection, item: str) -> bool:
        # The server counts how often a session has a lock: it is never locked twice.
        if item not in self._locked and try_lock(connection, item):
            self._locked.add(item)
        return item in self._locked

    def _drop(self, items: Collection[str], why: str) -> None:
        for item in items:
            self._terms[item].end()
            log.error("lease.lost account=%s epoch=%s why=%r", item, self._terms[item].epoch, why)
        self._terms = {item: term for item, term in self._terms.items() if item not in items}

    def _read_others(self, connection: Connection, usage: AddressUsage | None) -> OtherDaemons:
        others = exchange_rows(connection, self.holder, self.daemon_columns, usage)
        self._is_registered = others.is_registered
        for name, theirs in others.accounts.items():
            if self._others.get(name) != theirs:
                self._unclaimed -= theirs
        self._others = others.accounts
        return others

    def _read_rows(self, connection: Connection, items: Collection[str]) -> Mapping[str, Row[Any]]:
        table = tables.leases
        rows = connection.execute(select(table).where(table.c.account.in_(items)))
        return {row.account: row for row in rows}

    def _observe(
        self, items: Iterable[str], rows: Mapping[str, Row[Any]], others: Mapping[str, Row[Any]]
    ) -> frozenset[str]:
        """Return the items of which nothing has changed for long: held by another, or free."""
        states: dict[str, object] = {}
        for item in items:
            row = rows.get(item)
            if item in others:
                states[item] = others[item].pid, None if row is None else (row.epoch, row.holder, row.renewed_at)
            elif item not in self._terms:
                states[item] = "free"
        return self._unchanged.observe(states, self._steady_s())

    def _end_holders(
        self, connection: Connection, others: Mapping[str, Row[Any]], silent: Collection[str]
    ) -> frozenset[str]:
        """End the sessions of other holders that are silent, whose process is gone, or that are this daemon's own.

        Returns the items that such sessions hold.
        """
        ended = set()
        for item, other in others.items():
            if item in silent or other.name == self.holder or session_names.is_process_gone(other.name):
                log.warning("lease.ghost session=%d of=%r account=%s", other.pid, other.name, item)
                end_holder(connection, item, other.pid)
                ended.add(item)
        self._unchanged.forget(ended)
        return frozenset(ended)

    def _in_own_order(self, accounts: Iterable[str]) -> list[str]:
        """Return the accounts from a place on that depends on this daemon: two rarely try the same one first."""
        found = sorted(accounts)
        place = zlib.crc32(self.holder.encode()) % len(found) if found else 0
        return found[place:] + found[:place]

    def _is_other_database(self, connection: Connection) -> bool:
        """Return whether rows are missing that this daemon has written: none is ever removed."""
        leases, daemons = tables.leases, tables.daemons
        known = connection.execute(select(leases.c.account).where(leases.c.account.in_(self._terms))).scalars().all()
        own = select(daemons.c.id).where(daemons.c.id == self.holder)
        is_forgotten = self._is_registered and connection.execute(own).first() is None
        return is_forgotten or bool(self._terms.keys() - set(known))


def _changes_of(connection: Connection) -> _LeaseChanges:
    """Return what the connection's transaction has changed so far."""
    found: _LeaseChanges = connection.info.get(_CHANGES) or _LeaseChanges()
    return found


def _without(terms: Mapping[str, LeaseTerm], ended: Mapping[str, LeaseTerm]) -> Mapping[str, LeaseTerm]:
    """Return the terms that are not among those that ended."""
    return {item: term for item, term in terms.items() if ended.get(item) is not term}
