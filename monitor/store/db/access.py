"""Preparation of the writer's database: file, lease, schema, and detection of a replaced file."""

from pathlib import Path

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from monitor.errors import StoreError
from monitor.store.db import connections as opening
from monitor.store.db import session_names
from monitor.store.db.account_leases import AccountLeases
from monitor.store.db.lease import FileLease, ServerLease
from monitor.store.db.lease_term import LeaseTerm

_CREATION_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('margin-monitor/' || current_schema(), 0))"


class DatabaseAccess:
    """One database as its writer connects to it. All methods may wait for the database, and raise StoreError."""

    def __init__(self, url: URL, *, create: bool, exclusive: bool, by_account: bool = False) -> None:
        """`exclusive`: it is held, as a whole or `by_account`. Raises StoreError for a file by account."""
        self.url = url
        self.path = opening.sqlite_path(url)
        if by_account and self.path is not None:
            raise StoreError(
                "the accounts of a SQLite database can't be divided among daemons",
                where="[storage] lease",
                mend="leave it out, or give a PostgreSQL database in [storage] url",
            )
        self._create = create
        self._file_lease = FileLease(self.path) if self.path is not None and exclusive else None
        name = session_names.new_session_name()
        self._server_lease = (
            ServerLease(opening.display_url(url), name, is_shared=by_account)
            if self.path is None and exclusive
            else None
        )
        self._session_name = name if exclusive else session_names.PROGRAM_NAME
        whole = exclusive and not by_account
        self.term = LeaseTerm(name, check=self._check_before_renewal) if whole else None
        """The term of this process as the holder of the database; None for a program that does not hold it alone."""

        self.leases = AccountLeases(name, self._check_before_renewal) if exclusive and by_account else None
        """The leases of single accounts; None for a program that holds the whole database, or none."""

        self._file_id: tuple[int, int] | None = None
        self.replacement_count = 0
        """The number of times that the database turned out to be another one, or another daemon had held it."""
        self.connects = 0

    def engine(self) -> Engine:
        """Return an engine for writing."""
        return opening.writing_engine(self.url, name=self._session_name)

    def ensure_file_and_lease(self) -> None:
        """Create the file if allowed, and acquire its lease: both are needed before a connection."""
        if self.path is None:
            return
        if self._create:
            opening.create_file(self.path)
        elif not self.path.exists():
            raise opening.missing_error(self.url)
        if self._file_lease is not None:
            self._file_lease.acquire()

    def prepare_connection(self, connection: Connection) -> None:
        """Take the lease, and check the database's revision; an empty database gets the schema."""
        if self._server_lease is not None:
            if not opening.is_empty(connection):
                # The lease of another version's database would be waited for in vain.
                opening.check_revision(connection, self.url)
            self._server_lease.acquire(connection)
        if opening.is_empty(connection):
            if not self._create:
                raise opening.missing_error(self.url)
            _create_schema(connection)
        opening.check_revision(connection, self.url)
        is_other_file = self._record_file_id()
        connection.rollback()
        if self._take_leases(connection) or is_other_file:
            self.replacement_count += 1
        self.connects += 1
        if self._server_lease is None and self._file_lease is None:
            # Between two transactions of a program that writes beside a daemon the database may be upgraded.
            event.listen(connection, "begin", self._keep_revision)

    def _take_leases(self, connection: Connection) -> bool:
        """Return whether another daemon had the database meanwhile, or it is another one."""
        if self.leases is not None:
            return self.leases.resume(connection)
        return self.term is not None and self.term.take(connection)

    def is_replaced(self) -> bool:
        """Return whether another file is now at the path of the open one."""
        return self._file_id is not None and self._current_file_id() != self._file_id

    def describe_error(self, error: DBAPIError) -> StoreError:
        """Return the error for people from an error of the driver."""
        return opening.unreachable_error(self.url, error)

    def release(self) -> None:
        """Release the lease of a file; that of a server's database ends with the connection."""
        if self._file_lease is not None:
            self._file_lease.release()

    def _check_before_renewal(self, connection: Connection) -> None:
        """Raise StoreError unless the connection still has the session of its lease, and this program's schema.

        Neither changes while all respect the lease.
        """
        if self._server_lease is not None:
            self._server_lease.check_session(connection)
        opening.check_unchanged_revision(connection, self.url)

    def _keep_revision(self, connection: Connection) -> None:
        opening.keep_revision(connection, self.url)

    def _record_file_id(self) -> bool:
        """Record the file that is open; return whether it is another one than before."""
        found, before = self._current_file_id(), self._file_id
        self._file_id = found
        return before is not None and found != before

    def _current_file_id(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        except OSError:
            return self._file_id
        return found.st_dev, found.st_ino

    @property
    def wal_path(self) -> Path | None:
        """The write-ahead log of a SQLite database."""
        return None if self.path is None else Path(f"{self.path}-wal")


def _create_schema(connection: Connection) -> None:
    # alembic is heavy, and needed once in the life of a database
    from monitor.store.db.schema_migration import upgrade_connection

    connection.rollback()
    with connection.begin():
        if connection.dialect.name == "postgresql":
            # Daemons that share the lease may all find it empty.
            connection.execute(text(_CREATION_LOCK))
        upgrade_connection(connection)
