"""The counter by which a running daemon sees that something was ordered, or became known, beside it."""

from sqlalchemy import Connection, update

from monitor.store.schema import tables


def bump_change_counter(connection: Connection) -> None:
    """A running daemon looks at everything that people ordered once more."""
    table = tables.control
    connection.execute(update(table).where(table.c.id == 1).values(changes=table.c.changes + 1))
