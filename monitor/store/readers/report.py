"""All rows of a report, read as of one moment of the database."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from monitor.core.model.metric_values import MAX_SAMPLE_AGE
from monitor.records.report import ReportRows
from monitor.store.commands_in_force import read_pause, read_silences
from monitor.store.readers.alerts import read_alert_values, read_alerts
from monitor.store.readers.channels import read_channels
from monitor.store.readers.events import count_failures, count_rejected, read_movements
from monitor.store.readers.history import read_history
from monitor.store.readers.intents import read_intents
from monitor.store.readers.interest import read_interest, read_recorded_spans
from monitor.store.readers.status import read_status_rows
from monitor.store.writes import audit, bans
from monitor.store.writes.daemon_row import read_first_run, read_runs

REPORT_METRICS = (
    "margin_level",
    "distance_to_liquidation",
    "liabilities_usdt",
    "stream_connected",
    "clock_offset",
    "weight_used",
    "actions_blocked",
)
"""The metrics of a report."""

LATE_DISCOVERY = timedelta(days=1)
"""A movement found in the span is reported unless it is older than the span by more than this."""

REPORT_MOVEMENTS = ("transfer", "capital-flow", "liquidation")


def read_report_rows(connection: Connection, since: datetime, now: datetime) -> ReportRows:
    """Return all rows from `since` to `now`."""
    head = audit.read_head(connection)
    return ReportRows(
        status=read_status_rows(connection),
        runs=read_runs(connection, since),
        first_run=read_first_run(connection),
        series=tuple(
            row
            for metric in REPORT_METRICS
            for row in read_history(connection, metric, since=since - MAX_SAMPLE_AGE, until=now)
        ),
        charges=read_interest(connection, by="asset", since=since, until=now),
        charge_spans=dict(read_recorded_spans(connection)),
        alerts=tuple(
            row for row in read_alerts(connection, include_closed=True, since=since) if row.alert.fired_at is not None
        ),
        alert_values=read_alert_values(connection, since),
        intents=read_intents(connection, include_final=True, since=since),
        movements=tuple(
            row
            for kind in REPORT_MOVEMENTS
            for row in read_movements(connection, kind=kind, since=since, limit=None)
            if row.event_time >= since - LATE_DISCOVERY
        ),
        failures=count_failures(connection, since),
        rejected=count_rejected(connection, since),
        channels=read_channels(connection, since),
        pause=read_pause(connection),
        silences=read_silences(connection, now),
        banned_until=bans.read_banned_until(connection),
        audit_head=None if head is None else str(head),
    )
