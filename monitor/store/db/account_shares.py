"""What daemons that share a database know of each other: who is there, who is silent, how many accounts each holds."""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from monitor.records.address_usage import AddressUsage
from monitor.store.db.lease_term import read_database_time
from monitor.store.schema import tables

SILENT_AFTER_S = 6.0
"""Steady seconds without a sign of life, written every second, after which a holder is taken for hung or cut off."""

MIN_OBSERVATIONS = 4
MAX_OBSERVATION_GAP_S = 3.0
"""An observer that stood still itself, or whose database did, has not seen that a holder is silent."""

MEMBER_FOR = timedelta(seconds=5)
"""How long after its last sign of life a daemon still gets a share of the accounts."""

REJOIN_S = MEMBER_FOR.total_seconds()
"""Steady seconds in which a daemon that has connected anew takes nothing: after a restart of the database the others
are about to resume what they hold."""

SHARED, GONE = "account", "none"
"""What a daemon's row says of its leases: those of single accounts; none any more."""


def compute_quota(holder: str, held: Mapping[str, int], account_count: int) -> int:
    """Return how many of the accounts the daemon `holder` is to hold. `held`: how many each of all daemons holds now.

    Who holds most gets one of those that remain, so that no more accounts move than needed.
    """
    ranked = sorted(held, key=lambda name: (-held[name], name))
    share, rest = divmod(account_count, len(ranked))
    return share + (ranked.index(holder) < rest)


def is_rejoining(resumed_at_s: float, now_s: float) -> bool:
    """Return whether the daemon, which has connected anew at that steady moment, must not take anything yet."""
    return now_s - resumed_at_s < REJOIN_S


@dataclass(frozen=True, slots=True)
class Surplus:
    """The accounts that a daemon holds above its share, how many daemons share all, and what it learned of the others.

    `usage` is that of the daemons on the same machine, which have the same address. `elsewhere` are the accounts that
    the others have in their configuration.
    """

    accounts: tuple[str, ...]
    members: int
    usage: tuple[AddressUsage, ...]
    elsewhere: frozenset[str]


@dataclass(frozen=True, slots=True)
class OtherDaemons:
    """The other daemons that share the database: the accounts that each could hold, by its name.

    `usage` is that of those on this machine, which have the same address. `is_registered`: this daemon's own row was
    there, and written.
    """

    accounts: Mapping[str, frozenset[str]]
    usage: tuple[AddressUsage, ...]
    is_registered: bool


def exchange_rows(
    connection: Connection, holder: str, columns: Mapping[str, str], usage: AddressUsage | None
) -> OtherDaemons:
    """Write this daemon's sign of life, with `columns` and its usage, for the others, and read theirs."""
    table, now = tables.daemons, read_database_time(connection)
    own = update(table).where(table.c.id == holder)
    own = own.values(seen_at=now, usage=None if usage is None else _write_usage(usage), **columns)
    is_registered = connection.execute(own).rowcount == 1
    present = select(table.c.id, table.c.host, table.c.accounts, table.c.usage).where(
        table.c.id != holder, table.c.lease == SHARED, table.c.seen_at >= now - MEMBER_FOR
    )
    rows, here = connection.execute(present).all(), os.uname().nodename
    return OtherDaemons(
        # One that has not divided yet takes nothing yet.
        {row.id: frozenset(json.loads(row.accounts or "[]")) for row in rows},
        tuple(_read_usage(row.usage) for row in rows if row.usage is not None and row.host == here),
        is_registered,
    )


def _write_usage(usage: AddressUsage) -> str:
    return json.dumps({"minute": usage.minute.isoformat(), "used": dict(usage.used)})


def _read_usage(text: str) -> AddressUsage:
    found = json.loads(text)
    return AddressUsage(datetime.fromisoformat(found["minute"]), found["used"])


@dataclass(frozen=True, slots=True)
class _Observation:
    state: object
    since_s: float
    last_s: float
    count: int


class UnchangedItems:
    """Items that one observer has seen in the same state, again and again."""

    def __init__(self) -> None:
        self._seen: dict[str, _Observation] = {}

    def observe(self, states: Mapping[str, object], now_s: float) -> frozenset[str]:
        """Return the items that have had the same state for SILENT_AFTER_S. Other items are forgotten."""
        self._seen = {item: self._next(item, state, now_s) for item, state in states.items()}
        return frozenset(
            item
            for item, seen in self._seen.items()
            if seen.count >= MIN_OBSERVATIONS and now_s - seen.since_s >= SILENT_AFTER_S
        )

    def forget(self, items: Collection[str]) -> None:
        """Begin anew with these items."""
        self._seen = {item: seen for item, seen in self._seen.items() if item not in items}

    def _next(self, item: str, state: object, now_s: float) -> _Observation:
        last = self._seen.get(item)
        if last is None or last.state != state or now_s - last.last_s > MAX_OBSERVATION_GAP_S:
            return _Observation(state, now_s, now_s, 1)
        return _Observation(state, last.since_s, now_s, last.count + 1)
