"""Ids of alerts and intents: above all ids that this database, or one that it replaced, has given."""

import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select, update

from monitor.core.model.id_floor import compute_id_floor
from monitor.store.schema import tables

FIRST_MANUAL_INTENT_ID = 1_000_000_000
"""Manual intents, made beside a daemon that counts in its own memory, have ids from here on."""

FIRST_UNRECORDED_ALERT_ID = 1_000_000_000
"""Alerts begun while no database was known have ids from here on."""


ID_BLOCK_SIZE = 1000
"""Ids that a daemon reserves at a time where several share the database."""


def lowest_free_id(connection: Connection, now: datetime) -> int:
    """Return the lowest id that may be given now, whatever rows there are."""
    kept = connection.execute(select(tables.control.c.numbers_from)).scalar()
    return max(kept or 1, compute_id_floor(now))


def raise_id_floor(connection: Connection, number: int) -> None:
    """Raise the lowest id to `number`; a higher one stays."""
    control = tables.control
    connection.execute(update(control).where(control.c.numbers_from < number).values(numbers_from=number))


def next_id_after(database: Path) -> int:
    """Return the first id above all that a SQLite database of any revision has given; 1 where that can't be read."""
    found = 1
    # No rows yet, a damaged file, or a revision without the column: the other queries still count.
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as old:
        for question in _NEXT_ID_QUERIES:
            with suppress(sqlite3.Error):
                (number,) = old.execute(question).fetchone()
                found = max(found, number or 1)
    return found


_NEXT_ID_QUERIES = (
    f"SELECT max(id) + 1 FROM alerts WHERE id < {FIRST_UNRECORDED_ALERT_ID}",
    f"SELECT max(id) + 1 FROM intents WHERE id < {FIRST_MANUAL_INTENT_ID}",
    f"SELECT max(id) - {FIRST_MANUAL_INTENT_ID} + 2 FROM intents WHERE id < {2 * FIRST_MANUAL_INTENT_ID}",
    "SELECT numbers_from FROM control",
)
