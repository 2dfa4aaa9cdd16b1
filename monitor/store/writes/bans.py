"""The exchange's ban of this address, kept across restarts, so that no restart makes it worse."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables

MAX_BAN = timedelta(days=3)
"""A ban recorded as longer than this was stamped by a clock that was ahead."""


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
    connection: Connection, until: datetime, replaces: datetime | None = None, noted_at: datetime | None = None
) -> None:
    """Save a ban, unless a later end is known that is not the one that this ban `replaces`."""
    known = read_banned_until(connection)
    if known is not None and known >= until and known != replaces:
        return
    row = {"id": 1, "until": until, "noted_at": noted_at}
    connection.execute(upsert(tables.bans, connection.dialect, ("id",)), row)


def read_ban(connection: Connection) -> BanRow | None:
    """Return the last ban, which may be over; None if there never was one."""
    row = connection.execute(select(tables.bans.c.until, tables.bans.c.noted_at)).one_or_none()
    return None if row is None else BanRow(row.until, row.noted_at)


def read_banned_until(connection: Connection) -> datetime | None:
    """Return the end of the last ban, which may have passed; None if there never was one."""
    ban = read_ban(connection)
    return None if ban is None else ban.until
