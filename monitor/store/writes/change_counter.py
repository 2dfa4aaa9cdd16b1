"""The counter by which a running daemon notices commands and late findings of other processes."""

from sqlalchemy import Connection, update

from monitor.store.schema import tables


def bump_change_counter(connection: Connection) -> None:
    """Make a running daemon read all commands again."""
    table = tables.control
    connection.execute(update(table).where(table.c.id == 1).values(changes=table.c.changes + 1))
