"""Documents for the web: read beside the daemon's own reads, built in a thread, and shared by concurrent readers."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from monitor import __version__
from monitor.app.documents.past_stress import PastStressQuery
from monitor.app.documents.requests import AnyQuery, DocumentQuery, prepare_query
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.config.redaction import KNOWN_SECRETS
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError
from monitor.runtime.daemon import Daemon
from monitor.runtime.shutdown import BackgroundTasks
from monitor.store.db.reader import DatabaseReader
from monitor.store.reads import Reads, run_query
from monitor.store.store import Store
from monitor.view.documents.account import account_document
from monitor.view.documents.status import DaemonStatus, status_document
from monitor.view.json_values import encode_value, to_json_value
from monitor.web.port import DocumentName, EncodedDocument

SHARED_S = 0.9
"""Machine seconds for which a status that was built is given to further readers."""

T = TypeVar("T")

_Key = tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]


class SharedDocuments:
    """Documents of the present configuration. A status comes from memory while the database fails."""

    def __init__(
        self, config: Callable[[], Config], store: Store, daemon: Callable[[], Daemon | None], clock: Clock
    ) -> None:
        self._config = config
        self._store = store
        self._daemon = daemon
        self._clock = clock
        self._reader: DatabaseReader | None = None
        self._is_closed = False
        self._building: dict[_Key, asyncio.Task[EncodedDocument]] = {}
        self._builds = BackgroundTasks()
        self._status: tuple[float, EncodedDocument] | None = None
        self._measuring = asyncio.Lock()

    async def read(self, name: DocumentName, query: Mapping[str, str | Sequence[str]]) -> EncodedDocument:
        """Return the document, as `DocumentSource.read` says."""
        values = {key: (given,) if isinstance(given, str) else tuple(given) for key, given in query.items()}
        prepared = prepare_query(self._config(), name, values)
        if name == "status" and self._status is not None and time.monotonic() - self._status[0] < SHARED_S:
            return self._status[1]
        key: _Key = (name, tuple(sorted(values.items())))
        build = self._building.get(key)
        if build is None:
            build = self._builds.start(self._build(name, prepared), f"web {name}")
            self._building[key] = build
            build.add_done_callback(lambda done: self._forget_build(key, done))
        return await asyncio.shield(build)

    def forget(self) -> None:
        """Build everything anew from now on: a person has changed something, or the configuration is another one."""
        self._building.clear()
        self._status = None

    async def close(self) -> None:
        """Release the database for good: what is read from then on fails. Nothing that hangs is waited for long."""
        self._is_closed = True
        reader, self._reader = self._reader, None
        if reader is not None:
            await asyncio.to_thread(reader.close)
        await self._builds.end()

    async def _build(self, name: DocumentName, query: AnyQuery) -> EncodedDocument:
        if isinstance(query, PastStressQuery):
            # One at a time: each takes a process and a core for as long as it works.
            async with self._measuring:
                records = await self._run(query.read)
                measured = await query.measure(records)
            return await asyncio.to_thread(_encode, measured.document)
        if name != "status":
            return await self._read(query)
        try:
            found = await self._build_from_memory() if self._store.is_failing else await self._read(query)
        except StoreError:
            found = await self._build_from_memory()
        if self._building.get((name, ())) is asyncio.current_task():
            self._status = time.monotonic(), found
        return found

    async def _read(self, query: DocumentQuery) -> EncodedDocument:
        return await self._run(lambda reads: _encode(query.read(reads)))

    async def _run(self, read: Callable[[Reads], T]) -> T:
        if self._is_closed:
            raise StoreError("the program ends: nothing is read any more")
        if self._reader is None:
            # Of its own: a long history never holds up what the daemon reads.
            self._reader = self._store.new_reader("web-reader")
        return await self._reader.run(lambda connection: run_query(connection, read))

    async def _build_from_memory(self) -> EncodedDocument:
        daemon, names = self._daemon(), [account.name for account in self._config().accounts]
        states = {} if daemon is None else daemon.account_states()
        known = {
            name: (state, daemon.settings(name))
            for name, state in states.items()
            if daemon is not None and name in names
        }
        running = DaemonStatus(
            running=True,
            host=os.uname().nodename,
            pid=os.getpid(),
            since=None if daemon is None else daemon.started_at,
            paused=any(state.is_paused for state in states.values()),
        )
        return await asyncio.to_thread(_encode_status, names, known, running, self._clock)

    def _forget_build(self, key: _Key, build: "asyncio.Task[EncodedDocument]") -> None:
        if self._building.get(key) is build:
            del self._building[key]
        if not build.cancelled():
            # Whoever waits gets the error; without anybody it must not be reported as lost.
            build.exception()


def _encode_status(
    names: Sequence[str],
    known: Mapping[str, tuple[AccountState, AccountSettings]],
    daemon: DaemonStatus,
    clock: Clock,
) -> EncodedDocument:
    now = clock.now()
    live = {name: account_document(state, settings, now, __version__) for name, (state, settings) in known.items()}
    return _encode(status_document(names, live, daemon, now, __version__))


def _encode(document: object) -> EncodedDocument:
    value = to_json_value(document, KNOWN_SECRETS.redact)
    return EncodedDocument(value, encode_value(value).encode("utf-8", "backslashreplace"))
