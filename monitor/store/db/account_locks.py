"""The locks of single accounts: each is held by one session of PostgreSQL, and ends with it."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

log = logging.getLogger(__name__)

_END_TIMEOUT_S = 2.0
"""Seconds that this daemon's own older session is waited for when it was told to end."""

_FREE_TIMEOUT_S = 0.5
"""Seconds that the end of another daemon's session is waited for; after that it is seen to at the next turn."""

_POLL_S = 0.02

_KEY = "hashtextextended('margin-monitor/' || current_schema() || '/' || {item}, 0)"
_LOCK = f"SELECT pg_try_advisory_lock({_KEY.format(item='CAST(:item AS text)')})"
_UNLOCK = f"SELECT pg_advisory_unlock({_KEY.format(item='CAST(:item AS text)')})"
_LOCKS = (
    "FROM unnest(CAST(:items AS text[])) AS wanted(item) "
    "JOIN pg_locks AS held ON held.locktype = 'advisory' AND held.granted AND held.objsubid = 1 "
    "AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    f"AND ((held.classid::bigint << 32) | held.objid::bigint) = {_KEY.format(item='wanted.item')} "
)
_HOLDERS = (
    "SELECT wanted.item, held.pid, coalesce(activity.application_name, '') AS name "
    f"{_LOCKS} LEFT JOIN pg_stat_activity AS activity ON activity.pid = held.pid "
    "WHERE held.pid <> pg_backend_pid()"
)
_END_HOLDER = f"SELECT pg_terminate_backend(held.pid) {_LOCKS} WHERE held.pid = :pid"
_OWN_SESSIONS = (
    "FROM pg_stat_activity WHERE application_name = :name AND datname = current_database() AND pid <> pg_backend_pid()"
)


def try_lock(connection: Connection, item: str) -> bool:
    """Lock the account, or another item, on this connection, unless another one has it; return whether it did."""
    return bool(connection.execute(text(_LOCK), {"item": item}).scalar())


def unlock(connection: Connection, item: str) -> None:
    """Let other sessions lock the item, at once and whatever becomes of the transaction."""
    connection.execute(text(_UNLOCK), {"item": item})


def read_locked(connection: Connection, items: Sequence[str]) -> frozenset[str]:
    """Return the items that any session holds."""
    return frozenset(connection.execute(text(f"SELECT wanted.item {_LOCKS}"), {"items": list(items)}).scalars())


def read_others(
    connection: Connection, items: Collection[str], until_free: Collection[str] = ()
) -> Mapping[str, Row[Any]]:
    """Return the items that other sessions hold, each with the session's `pid` and `name`.

    The end of those that hold items of `until_free` is waited for a moment.
    """
    deadline = time.monotonic() + _FREE_TIMEOUT_S
    while True:
        found = {row.item: row for row in connection.execute(text(_HOLDERS), {"items": list(items)})}
        if time.monotonic() > deadline or not found.keys() & set(until_free):
            return found
        time.sleep(_POLL_S)


def end_holder(connection: Connection, item: str, pid: int) -> None:
    """End the session `pid` if it holds the item."""
    connection.execute(text(_END_HOLDER), {"items": [item], "pid": pid})


def end_older_sessions(connection: Connection, name: str) -> None:
    """End the other sessions of that name, such as one whose connection was cut, and wait a moment for their end."""
    names = {"name": name}
    ended = connection.execute(text(f"SELECT pid, pg_terminate_backend(pid) {_OWN_SESSIONS}"), names).all()
    deadline = time.monotonic() + _END_TIMEOUT_S
    for row in ended:
        log.warning("lease.ghost session=%d of=%r", row.pid, name)
    # Within one transaction the server would repeat its first answer.
    connection.rollback()
    while ended and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        ended = connection.execute(text(f"SELECT pid, true {_OWN_SESSIONS}"), names).all()
        connection.rollback()
