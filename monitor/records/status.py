"""The daemon's row, live documents, and rule stops: all that a status needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.core.model.action_blocks import RuleStop
from monitor.records.leases import Holder


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
    """All rows of a status, as of one moment. `daemon` None: no daemon ever ran on this database.

    `holders`: the daemon of each account, by its name, where several share them; empty where one holds all.
    """

    daemon: DaemonRow | None
    paused: bool
    documents: tuple[LiveDocumentRow, ...]
    stops: tuple[RuleStop, ...] = ()
    holders: Mapping[str, Holder] = field(default_factory=dict)
