"""Until when the venue wants nothing more from this address: remembered, so that no restart makes it worse."""

from datetime import datetime

from sqlalchemy import Connection, select

from monitor.store import tables
from monitor.store.hot import upsert


def remember(connection: Connection, until: datetime, instead_of: datetime | None = None) -> None:
    """The address is banned until then, or for longer where that was known, unless this is known better instead."""
    known = banned_until(connection)
    if known is not None and known >= until and known != instead_of:
        return
    connection.execute(upsert(tables.bans, connection.dialect, ("id",)), {"id": 1, "until": until})


def banned_until(connection: Connection) -> datetime | None:
    """The end of the last ban, which may have passed; None: there never was one."""
    until: datetime | None = connection.execute(select(tables.bans.c.until).where(tables.bans.c.id == 1)).scalar()
    return until
