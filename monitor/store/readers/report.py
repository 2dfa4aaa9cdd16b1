"""All that a report tells of, as of one moment of the database: put together from what the other readers read."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from monitor.core.metrics.sampling import HELD_FOR
from monitor.records.report import ReportRows
from monitor.store.readers.alerts import read_alerts, read_witnessed
from monitor.store.readers.channels import read_channels
from monitor.store.readers.events import count_failures, count_rejected, read_movements
from monitor.store.readers.history import read_history
from monitor.store.readers.intents import read_intents
from monitor.store.readers.interest import read_interest, read_spans
from monitor.store.readers.status import read_status
from monitor.store.writes import audit, bans
from monitor.store.writes.commands import paused_by, read_silences
from monitor.store.writes.daemon_row import first_run, read_runs

METRICS = (
    "margin_level",
    "distance_to_liquidation",
    "liabilities_usdt",
    "stream_connected",
    "clock_offset",
    "weight_used",
    "actions_blocked",
)
"""The recorded figures that a report tells of."""

FOUND_LATE = timedelta(days=1)
"""A movement that was found in the span is told of unless it is older than the span by more than this."""

MOVEMENTS = ("transfer", "capital-flow", "liquidation")


def read_report(connection: Connection, since: datetime, now: datetime) -> ReportRows:
    """All of it from `since` to `now`."""
    head = audit.head(connection)
    return ReportRows(
        status=read_status(connection),
        runs=read_runs(connection, since),
        first_run=first_run(connection),
        series=tuple(
            row for metric in METRICS for row in read_history(connection, metric, since=since - HELD_FOR, until=now)
        ),
        charges=read_interest(connection, by="asset", since=since, until=now),
        charged=dict(read_spans(connection)),
        alerts=tuple(
            row for row in read_alerts(connection, include_closed=True, since=since) if row.alert.fired_at is not None
        ),
        witnessed=read_witnessed(connection, since),
        intents=read_intents(connection, include_final=True, since=since),
        movements=tuple(
            row
            for kind in MOVEMENTS
            for row in read_movements(connection, kind=kind, since=since, limit=None)
            if row.event_time >= since - FOUND_LATE
        ),
        failures=count_failures(connection, since),
        rejected=count_rejected(connection, since),
        channels=read_channels(connection, since),
        paused=paused_by(connection),
        silences=read_silences(connection, now),
        banned_until=bans.banned_until(connection),
        head=None if head is None else str(head),
    )
