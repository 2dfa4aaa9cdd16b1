"""The exchange's bans of addresses, kept across restarts, so that no restart makes one worse."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables

MAX_BAN = timedelta(days=3)
"""A ban recorded as longer than this was stamped by a clock that was ahead."""

ANY_ADDRESS = ""
"""The address of a ban that holds for whoever holds the database next."""


@dataclass(frozen=True, slots=True)
class BanRow:
    """The end of a ban, and when that was noted, both by one clock; None: not known."""

    until: datetime
    noted_at: datetime | None

    def remaining(self, now: datetime) -> timedelta:
        """Return the remaining time, at most that at the time of the note: `now` may be another clock's."""
        length = MAX_BAN if self.noted_at is None else self.until - self.noted_at
        return min(self.until - now, length, MAX_BAN)


def save_ban(
    connection: Connection,
    until: datetime,
    replaces: datetime | None = None,
    noted_at: datetime | None = None,
    address: str = ANY_ADDRESS,
) -> None:
    """Save a ban of the address, unless a later end is known that is not the one that this ban `replaces`."""
    known = read_ban(connection, address)
    if known is not None and known.until >= until and known.until != replaces:
        return
    row = {"address": address, "until": until, "noted_at": noted_at}
    connection.execute(upsert(tables.bans, connection.dialect, ("address",)), row)


def read_ban(connection: Connection, address: str = ANY_ADDRESS) -> BanRow | None:
    """Return the last ban that holds for the address, which may be over; None if there never was one."""
    table = tables.bans
    wanted = select(table.c.until, table.c.noted_at).where(table.c.address.in_((ANY_ADDRESS, address)))
    row = connection.execute(wanted.order_by(table.c.until.desc()).limit(1)).first()
    return None if row is None else BanRow(row.until, row.noted_at)


def read_banned_until(connection: Connection) -> datetime | None:
    """Return the latest end of a ban of any address, which may have passed; None if there never was one."""
    found: datetime | None = connection.execute(select(func.max(tables.bans.c.until))).scalar()
    return found
