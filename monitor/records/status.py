"""The daemon's row, live documents, and rule stops: all that a status needs."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.action_blocks import RuleStop


@dataclass(frozen=True, slots=True)
class DaemonRow:
    """The daemon that last held the database. `running`: a daemon holds it now, on the machine `host`."""

    running: bool
    pid: int
    since: datetime
    version: str
    seen_at: datetime
    host: str | None = None


@dataclass(frozen=True, slots=True)
class LiveDocumentRow:
    """One account's status document (JSON text) as of `at`."""

    account: str
    at: datetime
    document: str


@dataclass(frozen=True, slots=True)
class StatusRows:
    """All rows of a status, as of one moment. `daemon` None: no daemon ever ran on this database."""

    daemon: DaemonRow | None
    paused: bool
    documents: tuple[LiveDocumentRow, ...]
    stops: tuple[RuleStop, ...] = ()
