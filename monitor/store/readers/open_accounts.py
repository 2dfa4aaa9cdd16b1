"""The accounts of which something is open, whether they are configured or not."""

from sqlalchemy import Connection, select

from monitor.core.notifications.outbox import DeliveryState
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.intents import read_intents
from monitor.store.schema import tables


def read_open_accounts(connection: Connection) -> frozenset[str]:
    """Return the accounts with open alerts, orders or messages."""
    alerts, orders, table = read_alerts(connection), read_intents(connection), tables.deliveries
    queued = select(table.c.account).where(table.c.state == DeliveryState.QUEUED, table.c.account.is_not(None))
    waiting = connection.execute(queued.distinct()).scalars()
    return frozenset({row.alert.key.account for row in alerts} | {row.intent.account for row in orders} | set(waiting))
