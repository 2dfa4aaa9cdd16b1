"""The exchange's user behind each API key, kept from run to run."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.model.reads import OwnerRead
from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables
from monitor.store.writes import intents


def save_owner(connection: Connection, account: str, key_mark: str, uid: int, at: datetime) -> None:
    """Save the user of a key. `key_mark` identifies the key and reveals nothing else of it."""
    row = {"key_mark": key_mark, "uid": uid, "account": account, "seen_at": at}
    connection.execute(upsert(tables.owners, connection.dialect, ("key_mark",)), row)


def read_known_owners(connection: Connection) -> Mapping[str, int]:
    """Return the exchange's user numbers by mark of the key."""
    table = tables.owners
    return {row.key_mark: row.uid for row in connection.execute(select(table.c.key_mark, table.c.uid))}


def read_account_owners(connection: Connection) -> Mapping[str, int]:
    """Return the exchange's user number last seen behind each account, by the account's name."""
    table = tables.owners
    rows = connection.execute(select(table.c.account, table.c.uid).order_by(table.c.seen_at))
    return {row.account: row.uid for row in rows}


def identify_owner(
    connection: Connection, account: str, key_mark: str, uid: int | None, now: datetime
) -> OwnerRead | None:
    """Return the account's owner with the intents made for that user under other names; None where not known.

    `uid` is the user number that the exchange has just returned; None where it was not asked.
    """
    if uid is not None:
        save_owner(connection, account, key_mark, uid, now)
    else:
        uid = read_known_owners(connection).get(key_mark)
    return None if uid is None else OwnerRead(uid, intents.read_recent_under_other_names(connection, account, uid, now))
