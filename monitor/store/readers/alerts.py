"""Alerts with their deliveries, and the metric values at which they changed state."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.alerting.lifecycle import with_ack
from monitor.core.model.alert import Alert, AlertState
from monitor.core.notifications.outbox import Delivery
from monitor.records.alerts import AlertRow, AlertValue
from monitor.store.commands_in_force import read_newest_acks
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import alert_from_row, delivery_from_row


def read_alerts(
    connection: Connection,
    *,
    include_closed: bool = False,
    account: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> tuple[AlertRow, ...]:
    """Return alerts, newest first: the open ones, or all that ever fired or are open.

    `since`: only those open at any moment after that.
    """
    table = tables.alerts
    wanted = select(table).order_by(table.c.id.desc())
    wanted = wanted.where(table.c.state != AlertState.INACTIVE if include_closed else tables.is_open_alert)
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        # Not one condition with OR: the databases would rather read every alert in the order of ids.
        still_open, lately = (
            select(table.c.id).where(each) for each in (tables.is_open_alert, table.c.resolved_at >= since)
        )
        wanted = wanted.where(table.c.id.in_(still_open.union_all(lately)))
    if limit is not None:
        wanted = wanted.limit(limit)
    return _with_deliveries(connection, [alert_from_row(row) for row in connection.execute(wanted).mappings()])


def read_alert(connection: Connection, alert: int) -> AlertRow | None:
    """Return one alert by its id; None if there is none."""
    rows = connection.execute(select(tables.alerts).where(tables.alerts.c.id == alert)).mappings()
    found = _with_deliveries(connection, [alert_from_row(row) for row in rows])
    return found[0] if found else None


def read_alert_values(connection: Connection, since: datetime) -> tuple[AlertValue, ...]:
    """Return the figures at which alerts changed their state since a moment, oldest first."""
    alerts, steps = tables.alerts, tables.alert_transitions
    wanted = select(alerts.c.account, alerts.c.scope, alerts.c.subject, alerts.c.when, steps.c.at, steps.c.value)
    wanted = wanted.join(steps, steps.c.alert == alerts.c.id)
    lately = wanted.where(steps.c.at >= since, steps.c.value.is_not(None)).order_by(steps.c.at, steps.c.id)
    return tuple(
        AlertValue(account, scope, subject, when, at, value)
        for account, scope, subject, when, at, value in connection.execute(lately)
        if value.is_finite()
    )


def _with_deliveries(connection: Connection, alerts: Iterable[Alert]) -> tuple[AlertRow, ...]:
    alerts = list(alerts)
    table = tables.deliveries
    told: dict[int, list[Delivery]] = defaultdict(list)
    # In portions, since a statement holds only so many parameters.
    for start in range(0, len(alerts), 500):
        ids = [alert.id for alert in alerts[start : start + 500]]
        rows = connection.execute(select(table).where(table.c.alert.in_(ids)).order_by(table.c.id))
        for row in rows.mappings():
            told[row["alert"]].append(delivery_from_row(row))
    acks = read_newest_acks(connection)
    return tuple(AlertRow(with_ack(alert, acks), tuple(told[alert.id])) for alert in alerts)
