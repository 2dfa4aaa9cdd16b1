"""The status of the configured accounts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor import __version__
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.runtime import pause_file
from monitor.store.readers.status import read_live_documents, read_status_rows
from monitor.store.reads import Reads
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.status import DaemonStatus, merge_fetched, status_document
from monitor.view.documents.stress import StableAssets
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.status import StatusDocument


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """The status as the daemon last stored it; accounts that were `fetched` just now, by `clock`, as they were read."""

    config: Config
    fetched: Mapping[str, AccountDocument] = field(default_factory=dict)
    clock: Clock | None = None

    def read(self, reads: Reads) -> StatusDocument:
        clock: Clock = self.clock or reads.read(command_clock)
        rows = reads.read(read_status_rows)
        paused = rows.paused or pause_file.exists(self.config.safety.pause_file)
        daemon = DaemonStatus(paused=paused)
        if rows.daemon is not None:
            seen = rows.daemon
            daemon = DaemonStatus(seen.running, seen.pid, seen.since, paused, seen.host, rows.holders)
        live: dict[str, AccountDocument] = {row.account: json.loads(row.document) for row in rows.documents}
        live |= {name: merge_fetched(account, live.get(name)) for name, account in self.fetched.items()}
        names = [account.name for account in self.config.accounts]
        return status_document(names, live, daemon, clock.now(), __version__, rows.stops)


def read_accounts(reads: Reads) -> dict[str, AccountDocument]:
    """The stored documents of the accounts, by name; empty when nothing was recorded yet."""
    return {row.account: json.loads(row.document) for row in reads.read(read_live_documents)}


def stable_assets_of(config: Config) -> StableAssets:
    """The stable assets and pegs of the configuration."""
    return StableAssets(frozenset(config.risk.stable_assets), config.risk.pegs)
