"""Return of unused pages of a SQLite file to the file system, in small steps."""

from sqlalchemy import Connection

MAX_PAGES_PER_STEP = 256
"""Pages moved by one step: a megabyte, so that the writer never waits long."""

MIN_SPARE_PAGES = 2_048
SPARE_SHARE = 10
"""Unused pages that stay for the next rows: 8 MB, or a tenth of the file."""


def release_free_pages(connection: Connection, batch: int = MAX_PAGES_PER_STEP, keep: int = MIN_SPARE_PAGES) -> int:
    """Return unused pages to the file system, `batch` at most; return how many, 0 when only spare ones are left.

    PostgreSQL does this by itself. A file that was not created for it (`PRAGMA auto_vacuum`) keeps its size.
    """
    if connection.dialect.name != "sqlite":
        return 0
    free = _pragma(connection, "freelist_count")
    surplus = free - max(keep, _pragma(connection, "page_count") // SPARE_SHARE)
    if surplus <= 0:
        return 0
    # Page by page: the statement releases one at each step, and the driver takes a single step where no columns come.
    for _ in range(min(batch, surplus)):
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    return free - _pragma(connection, "freelist_count")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
