"""Emergencies that may still repeat, as the database knows them, and their ends."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.alerting.lifecycle import with_ack
from monitor.core.model.alert import Alert
from monitor.core.notifications.emergencies import Emergency, OpenEmergencies
from monitor.errors import CommandRefused
from monitor.store import commands_in_force
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import alert_from_row
from monitor.store.writes import commands
from monitor.store.writes.replies.channel_messages import read_open_messages, save_shown
from monitor.store.writes.replies.presses import Press, PressResult, carry_out


def read_open_emergencies(connection: Connection, channel: str) -> OpenEmergencies:
    """Return the channel's emergencies of which the end is not recorded, and the rows that can't be understood."""
    rows, found = defaultdict(list), read_open_messages(connection, [channel])
    for message in reversed(found.messages):
        rows[message.reference].append(message)
    alerts = _read_alerts(connection, {row.alert for group in rows.values() for row in group if row.alert is not None})
    over = _read_finished_drills(connection, {row.drill for group in rows.values() for row in group if row.drill})
    emergencies = tuple(
        Emergency(
            receipt,
            group[0].at,
            tuple(alerts[row.alert] for row in group if row.alert in alerts),
            group[0].drill,
            group[0].drill in over,
        )
        for receipt, group in rows.items()
    )
    return OpenEmergencies(emergencies, found.rejected)


def record_press(connection: Connection, press: Press, emergency: Emergency) -> PressResult:
    """Acknowledge the alerts of an emergency for the person who pressed it, and record its end, all in one transaction.

    Pressed once, it is done once. An alert that is over by now, or acknowledged by somebody else, stays as it is.
    """

    def acknowledge(connection: Connection) -> str:
        if emergency.drill is not None:
            return f"drill {emergency.drill} was answered"
        taken = [alert.id for alert in emergency.alerts if _acknowledge(connection, alert.id, press)]
        if not taken:
            raise CommandRefused("nothing of it was open and unacknowledged any more")
        return "acknowledged " + ", ".join(f"#{number}" for number in taken)

    result = carry_out(connection, press, acknowledge)
    save_shown(connection, press.channel, emergency.receipt, f"acknowledged by {press.user}", press.at)
    return result


def _acknowledge(connection: Connection, number: int, press: Press) -> bool:
    alert = _read_alerts(connection, {number}).get(number)
    if alert is None or alert.state not in commands_in_force.OPEN_ALERT_STATES or alert.acked_at is not None:
        return False
    commands.acknowledge(connection, number, press.user, "pressed on Pushover", press.at)
    return True


def _read_alerts(connection: Connection, numbers: set[int]) -> dict[int, Alert]:
    if not numbers:
        return {}
    rows = connection.execute(select(tables.alerts).where(tables.alerts.c.id.in_(numbers))).mappings()
    acks = commands_in_force.read_newest_acks(connection)
    return {row["id"]: with_ack(alert_from_row(row), acks) for row in rows}


def _read_finished_drills(connection: Connection, numbers: set[int]) -> set[int]:
    if not numbers:
        return set()
    table = tables.drills
    finished = select(table.c.id).where(table.c.id.in_(numbers), table.c.done_at.is_not(None))
    return set(connection.execute(finished).scalars())


def record_end(connection: Connection, channel: str, receipt: str, how: str, at: datetime) -> None:
    """Record that an emergency has ended, and how."""
    save_shown(connection, channel, receipt, how, at)
