"""The daemons that hold accounts, where several share one database."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, select

from monitor.records.leases import Holder
from monitor.store.db.account_leases import LEADER
from monitor.store.db.account_locks import read_locked
from monitor.store.db.lease_term import WHOLE_DATABASE, read_database_time
from monitor.store.schema import tables


def read_holders(connection: Connection) -> Mapping[str, Holder]:
    """Return the running daemon of each account by its name; empty where one daemon holds all, or none runs."""
    if connection.dialect.name != "postgresql":
        return {}
    leases, daemons = tables.leases, tables.daemons
    wanted = (
        select(leases.c.account, leases.c.since, daemons.c.host, daemons.c.pid, daemons.c.seen_at)
        .join(daemons, daemons.c.id == leases.c.holder)
        .where(leases.c.account.not_in((WHOLE_DATABASE, LEADER)))
        .order_by(leases.c.account)
    )
    rows = connection.execute(wanted).all()
    locked = read_locked(connection, [row.account for row in rows]) if rows else frozenset()
    return {row.account: Holder(row.host, row.pid, row.since, row.seen_at) for row in rows if row.account in locked}


def read_recently_held(connection: Connection, within: timedelta) -> frozenset[str]:
    """Return the accounts that a daemon has held within that time, by the database's clock."""
    table = tables.leases
    since = read_database_time(connection) - within
    return frozenset(connection.execute(select(table.c.account).where(table.c.renewed_at >= since)).scalars())
