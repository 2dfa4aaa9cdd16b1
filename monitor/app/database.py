"""The database of a configuration: opening, upgrade, backup, checks, pruning."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.clock import Clock
from monitor.config.credentials import resolve_database_url
from monitor.config.model import Config
from monitor.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from monitor.store.store import CommandStore, ReadStore, Store


def find_storage_folder(config: Config) -> Path:
    """Where what is recorded lies on this machine: the folder of a SQLite database, else the state folder."""
    from monitor.store.db import connections

    path = connections.sqlite_path(connections.parse_url(resolve_database_url(config).reveal()))
    return _spill_folder(config) or Path(tempfile.gettempdir()) if path is None else path.parent


def open_store(config: Config) -> "Store":
    """The database held by this process as its daemon; made new where there is none, never migrated."""
    from monitor.store.store import Store

    return Store.open(resolve_database_url(config).reveal(), spill_folder=_spill_folder(config))


def attach_store(config: Config) -> "Store":
    """The same without waiting: it is opened as soon as it can be. Raises ConfigError, StoreError for its URL."""
    from monitor.store.store import Store

    return Store.attach(resolve_database_url(config).reveal(), spill_folder=_spill_folder(config))


def open_reader(config: Config) -> "ReadStore":
    """The database for reading, beside a daemon or without one. Raises StoreError with the mend."""
    from monitor.store.store import ReadStore

    return ReadStore.open(resolve_database_url(config).reveal())


def open_commands(config: Config) -> "CommandStore":
    """The database for what people order. Raises StoreError with the mend."""
    from monitor.store.store import CommandStore

    return CommandStore.open(resolve_database_url(config).reveal())


def open_commands_if_any(config: Config) -> "CommandStore | None":
    """The same where there is a database, None where there is none. Raises StoreError when it can't be used."""
    from monitor.store.db import connections
    from monitor.store.store import CommandStore

    url = resolve_database_url(config).reveal()
    return CommandStore.open(url) if connections.database_exists(connections.parse_url(url)) else None


def upgrade_database(config: Config) -> tuple[str | None, str]:
    """The revisions that the database had before and has now; None: it was made new."""
    from monitor.store.db import migrate

    return migrate.upgrade(resolve_database_url(config).reveal())


def set_database_aside(config: Config, clock: Clock) -> Path | None:
    """Where the damaged database lies now, None where there was none; see aside.set_aside."""
    from monitor.store.db import quarantine

    return quarantine.quarantine_damaged(resolve_database_url(config).reveal(), clock.now())


def read_free_space(config: Config) -> tuple[Path, int, bool]:
    """Where what is recorded lies, how many bytes are free there, and whether that is little. Raises OSError."""
    from monitor.runtime.store_session import is_space_low

    folder = find_storage_folder(config)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder, shutil.disk_usage(folder).free, is_space_low(folder)


def find_database_problems(config: Config) -> list[str]:
    """What is wrong with the database, empty when nothing is. Raises StoreError when it can't be looked at."""
    from monitor.store.db import migrate

    return migrate.find_problems(resolve_database_url(config).reveal())


def back_up_database(config: Config, target: Path) -> None:
    """A copy of the SQLite database at one moment, beside a daemon or without one. Raises MonitorError."""
    from monitor.store import backup

    backup.back_up(resolve_database_url(config).reveal(), target)


def restore_database(config: Config, source: Path, by: str, clock: Clock, *, force: bool) -> tuple[str, str]:
    """Put a backup in the place of the database, paused; return its revision and the one that this program needs.

    See backup.restore.
    """
    from monitor.store import backup
    from monitor.store.db import connections

    return backup.restore(
        resolve_database_url(config).reveal(), source, by, clock.now(), force=force
    ), connections.SCHEMA_REVISION


async def prune_database(config: Config) -> int:
    """How many old rows went. Beside a daemon or without one. Raises StoreError."""
    from monitor.runtime.pruner import prune
    from monitor.store.store import Store
    from monitor.store.writes.daemon_row import command_clock

    store = Store.open(resolve_database_url(config).reveal(), create=False, exclusive=False)
    try:
        clock = await store.read(command_clock)
        return await prune(config.storage.retain_samples, config.storage.retain_events, store, clock)
    finally:
        await store.close()


def check_database(config: Config) -> str:
    """The state of the database in words. Raises StoreError with the mend."""
    problems = find_database_problems(config)
    if problems:
        raise StoreError(
            "; ".join(problems), where="database", mend="restore a backup, or ask for help with these words"
        )
    return f"{config.storage_url} is sound"


def _spill_folder(config: Config) -> Path | None:
    """The state folder; None for a user who has none."""
    with suppress(ConfigError):
        return config.state_folder
    return None
