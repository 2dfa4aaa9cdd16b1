"""PostgreSQL sessions: opened with their settings, also through a pool, and refused where a pool shares them."""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from monitor.errors import PoolSharesSessions, StoreError, WrongDatabaseRevision

CONNECT_TIMEOUT_S = 5

PREPARATION_TIMEOUT_S = 5.0
"""Seconds after which a new session that gives no answer is given up."""

POOL_PROBES = 4
"""Second clients that ask for a session of the pool, one after another: several processes may share its address."""

TRANSACTIONS_PER_PROBE = 3
"""Transactions of the first client before and during each probe; a pool may hand its sessions out in turn."""

_TCP_KEEPALIVES: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Seconds, and milliseconds: a server that vanished silently is noticed within 20 s."""

_SETTINGS: Mapping[str, str] = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "idle_in_transaction_session_timeout": "30000",
    "lock_timeout": "2000",
}
"""The server's side of that, so that locks of a vanished client are released."""

_ENCODINGS = ("UTF8", "SQL_ASCII")
"""Encodings of the server that take every text. The second takes bytes as they are."""

_NO_OPTIONS = "unsupported startup parameter"
"""The answer of a pool that lets a client set nothing at the start."""

_NO_TRANSACTIONS = "transaction blocks not allowed"
"""The answer of a pool that shares its sessions between statements."""


def create_server_engine(url: URL, place: str, settings: Mapping[str, str], name: str, *, keeps_open: bool) -> Engine:
    """Return an engine for the PostgreSQL database that people know as `place`.

    Its sessions have the name and the settings; options in the URL override these. `keeps_open`: they are used again.
    """
    found = url.query.get("options", "")
    own = found if isinstance(found, str) else ""
    wanted = {key: value for key, value in {**_SETTINGS, **settings}.items() if key not in _names_in(own)}
    options = " ".join([*(f"-c {key}={_escape(value)}" for key, value in wanted.items()), own]).strip()
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": name,
        "client_encoding": "utf8",
        **_TCP_KEEPALIVES,
    }
    arguments |= {key: value for key, value in url.query.items() if key in arguments}
    bare = url.difference_update_query([*arguments, "options"])
    pool: dict[str, Any] = {"pool_size": 2, "pool_pre_ping": True} if keeps_open else {"poolclass": NullPool}
    engine = create_engine(bare, hide_parameters=True, connect_args=arguments, **pool)
    takes_options = True

    @event.listens_for(engine, "do_connect")
    def on_do_connect(dialect: Any, record: object, positional: Any, parameters: Any) -> Any:
        nonlocal takes_options

        def connect() -> Any:
            return dialect.connect(*positional, **{**parameters, "options": options if takes_options else own})

        try:
            session = connect()
        except dialect.dbapi.OperationalError as error:
            if not takes_options or _NO_OPTIONS not in str(error):
                raise
            takes_options = False
            session = connect()
        try:
            _prepare_session(session, connect, place, wanted, takes_options)
        except BaseException:
            session.close()
            raise
        return session

    return engine


def shut_socket(connection: Any) -> bool:
    """Shut the socket without closing it: its number must not pass to another while a thread waits on it."""
    with contextlib.suppress(Exception):
        if not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
                return True
    return False


def shared_session_error(place: str, unit: str = "transactions") -> PoolSharesSessions:
    """Return the error for people of a pool that gives a session to another client after each `unit`."""
    return PoolSharesSessions(
        f"the pool before the database {place} shares its sessions between {unit}, so that no lock of a daemon would "
        "hold",
        where="[storage] url",
        mend="set `pool_mode = session` for it in PgBouncer, or connect to the server directly",
    )


def _prepare_session(
    session: Any, connect: Callable[[], Any], place: str, settings: Mapping[str, str], has_settings: bool
) -> None:
    """Check a new session, and give it the settings where its start did not. Raises StoreError."""
    encoding = session.info.parameter_status("server_encoding")
    if encoding not in _ENCODINGS:
        raise WrongDatabaseRevision(
            f"the database {place} has the encoding {encoding}, which can't hold every text",
            mend="make one with `createdb --encoding=UTF8 --template=template0`",
        )
    session.autocommit = True
    with _bounded_waits(place, session) as waiting:
        if session.info.backend_pid != _read_process(session):
            # A pool answers in the server's place: it may have left out the options, too.
            has_settings = False
            for _ in range(POOL_PROBES):
                _refuse_shared_session(session, connect, place, waiting)
        if not has_settings:
            query = ", ".join("set_config(%s, %s, false)" for _ in settings)
            session.execute(f"SELECT {query}", [part for setting in settings.items() for part in setting])
    session.autocommit = False


def _refuse_shared_session(first: Any, connect: Callable[[], Any], place: str, waiting: list[Any]) -> None:
    """Raise PoolSharesSessions where `first` does not keep the session that it has.

    It shows where a second client that holds a transaction open has the session of the first, or where the first has
    another one by then.
    """
    processes = {_read_process(first) for _ in range(TRANSACTIONS_PER_PROBE)}
    with contextlib.closing(connect()) as second:
        waiting.append(second)
        try:
            other = _read_process(second)
        except Exception as error:
            if _NO_TRANSACTIONS in str(error):
                raise shared_session_error(place, "statements") from error
            raise
        if other not in processes:
            processes |= {_read_process(first) for _ in range(TRANSACTIONS_PER_PROBE)}
        if len(processes) > 1 or other in processes:
            raise shared_session_error(place)


@contextlib.contextmanager
def _bounded_waits(place: str, session: Any) -> Iterator[list[Any]]:
    """Yield the sessions whose waits end after a while, with a StoreError."""
    waiting = [session]
    is_late = threading.Event()

    def end_waits() -> None:
        is_late.set()
        # The first comes last: its session must not pass to one that waits for another.
        for each in reversed(waiting):
            shut_socket(each)

    timer = threading.Timer(PREPARATION_TIMEOUT_S, end_waits)
    timer.daemon = True
    timer.start()
    try:
        yield waiting
    except Exception as error:
        # What is found after the end of the waits says nothing about the pool.
        is_finding = isinstance(error, StoreError) and not isinstance(error, PoolSharesSessions)
        if not is_late.is_set() or is_finding:
            raise
        lacking = "gave no second session" if len(waiting) > 1 else "gave no answer"
        raise StoreError(
            f"the server, or the pool, of the database {place} {lacking} within {PREPARATION_TIMEOUT_S:.0f} s",
            mend="check that it runs; a pool needs at least ten sessions for it (`pool_size` of PgBouncer)",
        ) from error
    finally:
        timer.cancel()


def _read_process(session: Any) -> int:
    """Return the server's process that answers the session now.

    A statement that is prepared would be unknown where a pool shares its sessions.
    """
    return int(session.execute("SELECT pg_backend_pid()", prepare=False).fetchone()[0])


def _names_in(options: str) -> frozenset[str]:
    """Return the settings that options of a session set: `-c name=value` or `--name=value`."""
    return frozenset(name.replace("-", "_") for name in re.findall(r"(?:-c\s*|--)([\w.-]+)=", options))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
