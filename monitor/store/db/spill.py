"""Append-only file of stream events that the database could not take yet."""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.core.model.account import Scope
from monitor.core.model.events import StreamEvent
from monitor.core.model.stream_payloads import StreamName
from monitor.errors import StoreError

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STREAMS: dict[str, StreamName] = {"account": "account", "risk": "risk", "market": "market"}


class EventSpill:
    """Waiting events of one account, oldest first; they outlive the process.

    One task uses the file. No event is kept in memory. All methods block, and raise StoreError when the file can't be
    used. Events that were read stay until `drop`: they carry keys, so that reading them twice doubles nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0
        self._known_size: int | None = None
        try:
            self._known_size = self._complete_length()
        except StoreError as error:
            log.error("spill.failing file=%s cause=%s", path.name, error)

    @property
    def is_empty(self) -> bool:
        """True if no event waits, as far as is known."""
        return self._known_size is not None and self._read_to >= self._known_size

    @property
    def _size(self) -> int:
        """The length of the file, measured again after a failure, before anything in it could be lost."""
        if self._known_size is None:
            self._known_size = self._complete_length()
        return self._known_size

    def append(self, events: Iterable[StreamEvent]) -> None:
        """Append events, durable on return; a failed attempt leaves nothing."""
        lines = b"".join(_encode(event) for event in events)
        with _describe_errors(self._path):
            size = self._size
            is_new = not size
            descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                # This also cuts off a line that a killed process left incomplete.
                os.ftruncate(descriptor, size)
                _write(descriptor, lines, size)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                _sync_folder(self._path.parent)
        self._known_size = self._size + len(lines)

    def read(self, max_events: int) -> tuple[tuple[StreamEvent, ...], int]:
        """Return the oldest waiting events, at most `max_events`, and the mark for `drop`.

        Lines that can't be decoded are left out.
        """
        found: list[StreamEvent] = []
        mark = self._read_to
        with _describe_errors(self._path), self._path.open("rb") as file:
            file.seek(self._read_to)
            while mark < self._size and len(found) < max_events:
                line = file.readline()
                if not line:
                    log.error("spill.cut_off file=%s bytes=%d", self._path.name, self._size - mark)
                    return tuple(found), self._size
                mark += len(line)
                try:
                    found.append(_decode(line))
                except (ValueError, TypeError, KeyError) as error:
                    log.error("spill.unreadable file=%s at=%d cause=%s", self._path.name, mark, type(error).__name__)
        return tuple(found), mark

    def drop(self, mark: int) -> None:
        """Drop events up to the mark, which are in the database. The file is deleted when none remain."""
        self._read_to = mark
        if self.is_empty:
            with _describe_errors(self._path):
                self._path.unlink(missing_ok=True)
            self._read_to = self._known_size = 0

    def _complete_length(self) -> int:
        """Return the length of all complete lines."""
        with _describe_errors(self._path):
            try:
                with self._path.open("rb") as file:
                    return sum(len(line) for line in file if line.endswith(b"\n"))
            except FileNotFoundError:
                return 0


def _encode(event: StreamEvent) -> bytes:
    row = (
        event.stream,
        event.scope.symbol,
        event.type,
        event.key,
        (event.event_time - _EPOCH) // _MICROSECOND,
        (event.received_at - _EPOCH) // _MICROSECOND,
        event.payload,
        event.rejected,
    )
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _decode(line: bytes) -> StreamEvent:
    stream, symbol, kind, key, event_time, received_at, payload, rejected = json.loads(line)
    return StreamEvent(
        stream=_STREAMS[stream],
        scope=Scope(symbol),
        type=kind,
        key=key,
        event_time=_EPOCH + event_time * _MICROSECOND,
        received_at=_EPOCH + received_at * _MICROSECOND,
        payload=payload,
        rejected=rejected,
    )


def _write(descriptor: int, content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _describe_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"can't keep events in {path}: {error.strerror}", mend="mend the folder or the disk"
        ) from error
