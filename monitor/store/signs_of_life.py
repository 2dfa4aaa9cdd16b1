"""The daemon's sign of life, with all that it covers."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from monitor.clock import SteadyClockReading
from monitor.store.db.connection_leases import held_accounts, renew_lease
from monitor.store.writes import daemon_row, record_coverage
from monitor.store.writes.record_coverage import CoverageUpdate


def update_last_seen(
    connection: Connection, at: datetime, steady: SteadyClockReading | None, recorded: Mapping[str, datetime | None]
) -> CoverageUpdate:
    """Update the daemon's row and the coverage of these accounts, of those that it holds, and renew its leases."""
    renew_lease(connection)
    daemon_row.update_last_seen(connection, at, steady)
    held = held_accounts(connection)
    own = {account: last for account, last in recorded.items() if held is None or account in held}
    return record_coverage.extend_coverage(connection, own, at)
