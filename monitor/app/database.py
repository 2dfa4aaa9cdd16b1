"""The database of a configuration: opening, upgrade, backup, checks, pruning."""

import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.clock import Clock
from monitor.config.credentials import resolve_database_url
from monitor.config.model import Config
from monitor.errors import ConfigError, MonitorError, StoreError

if TYPE_CHECKING:
    from monitor.runtime.pruner import RowRetention
    from monitor.store.command_store import CommandStore, ReadStore
    from monitor.store.store import Store

MAX_UNWATCHED = timedelta(days=2)
"""Age of the newest sample beyond which the wall clock alone does not tell what is old: it may be ahead."""


def find_storage_folder(config: Config) -> Path:
    """Return the folder of recorded data on this machine: a SQLite database's, else the state folder."""
    from monitor.store.db import connections

    path = connections.sqlite_path(connections.parse_url(resolve_database_url(config).reveal()))
    return _spill_folder(config) or Path(tempfile.gettempdir()) if path is None else path.parent


def open_store(config: Config) -> "Store":
    """Open the database for this process as its daemon; it is created if missing, and never migrated."""
    from monitor.store.store import Store

    return Store.open(resolve_database_url(config).reveal(), spill_folder=_spill_folder(config))


def attach_store(config: Config) -> "Store":
    """Return the daemon's store without waiting: it is opened as soon as possible.

    Raises ConfigError, or StoreError for its URL.
    """
    from monitor.store.store import Store

    return Store.attach(
        resolve_database_url(config).reveal(),
        by_account=config.storage.lease == "account",
        spill_folder=_spill_folder(config),
    )


def open_reader(config: Config) -> "ReadStore":
    """Open the database for reading, with or without a daemon. Raises StoreError with the remedy."""
    from monitor.store.command_store import ReadStore

    return ReadStore.open(resolve_database_url(config).reveal())


def open_commands(config: Config) -> "CommandStore":
    """Open the database for commands of people. Raises StoreError with the remedy."""
    from monitor.store.command_store import CommandStore

    return CommandStore.open(resolve_database_url(config).reveal())


def open_commands_if_any(config: Config) -> "CommandStore | None":
    """Open the database for commands; None where there is none. Raises StoreError when it can't be used."""
    from monitor.store.command_store import CommandStore
    from monitor.store.db import connections

    url = resolve_database_url(config).reveal()
    return CommandStore.open(url) if connections.database_exists(connections.parse_url(url)) else None


def upgrade_database(config: Config) -> tuple[str | None, str]:
    """Upgrade the database; return its revisions before and after. None: it was created."""
    from monitor.store.db import schema_migration

    return schema_migration.upgrade(resolve_database_url(config).reveal())


def set_database_aside(config: Config, clock: Clock) -> Path | None:
    """Quarantine a damaged database; return its new path, None where there was none. See `quarantine_damaged`."""
    from monitor.store.db import quarantine

    return quarantine.quarantine_damaged(resolve_database_url(config).reveal(), clock.now())


def read_free_space(config: Config) -> tuple[Path, int, bool]:
    """Return the folder of recorded data, the free bytes there, and whether these are few. Raises OSError."""
    from monitor.runtime.store_session import is_space_low

    folder = find_storage_folder(config)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder, shutil.disk_usage(folder).free, is_space_low(folder)


def find_database_problems(config: Config) -> list[str]:
    """Return the problems of the database, empty without one. Raises StoreError when it can't be checked."""
    from monitor.store.db import schema_migration

    return schema_migration.find_problems(resolve_database_url(config).reveal())


def back_up_database(config: Config, target: Path) -> None:
    """Copy the SQLite database as of one moment, with or without a daemon. Raises MonitorError."""
    from monitor.store import backup

    backup.back_up(resolve_database_url(config).reveal(), target)


def restore_database(config: Config, source: Path, by: str, clock: Clock, *, force: bool) -> tuple[str, str]:
    """Replace the database by a backup, paused; return its revision and the one that this program needs.

    See `backup.restore`.
    """
    from monitor.store import backup
    from monitor.store.db import connections

    return backup.restore(
        resolve_database_url(config).reveal(), source, by, clock.now(), force=force
    ), connections.SCHEMA_REVISION


def row_retention(config: Config) -> "RowRetention":
    """Return the ages up to which rows are kept."""
    from monitor.runtime.pruner import RowRetention

    storage = config.storage
    return RowRetention(
        samples=storage.retain_samples,
        hourly_samples=storage.retain_hourly_samples,
        events=storage.retain_events,
        bars=config.risk.history,
    )


async def prune_database(config: Config, *, force: bool) -> int:
    """Delete old rows, with or without a daemon, and return how many. Raises StoreError.

    Raises MonitorError, unless with `force`, where only the wall clock tells the time and no new sample confirms it.
    """
    from monitor.runtime.pruner import prune
    from monitor.store.readers.samples import read_newest_moment
    from monitor.store.store import Store
    from monitor.store.writes.daemon_row import command_clock

    store = Store.open(resolve_database_url(config).reveal(), create=False, exclusive=False)
    try:
        clock = await store.read(command_clock)
        newest = await store.read(read_newest_moment)
        if not force and clock.offset is None and newest is not None and clock.now() - newest > MAX_UNWATCHED:
            raise MonitorError(
                f"nothing is recorded since {newest:%Y-%m-%d %H:%M} UTC, and only this machine's clock "
                f"({clock.now():%Y-%m-%d %H:%M} UTC) says how old that is",
                where="db prune",
                mend="start the daemon, which asks the exchange for the time, or check the clock and add --force",
            )
        return await prune(row_retention(config), store, clock)
    finally:
        await store.close()


def check_database(config: Config) -> str:
    """Return the state of the database in words. Raises StoreError with the remedy."""
    problems = find_database_problems(config)
    if problems:
        raise StoreError(
            "; ".join(problems), where="database", mend="restore a backup, or ask for help with these words"
        )
    return f"{config.storage_url} is sound"


def _spill_folder(config: Config) -> Path | None:
    """Return the state folder; None for a user without one."""
    with suppress(ConfigError):
        return config.state_folder
    return None
