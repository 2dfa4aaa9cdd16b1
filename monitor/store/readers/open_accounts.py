"""The accounts of which something is open, whether they are configured or not."""

from sqlalchemy import Connection

from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.intents import read_intents


def read_open_accounts(connection: Connection) -> frozenset[str]:
    """Return the accounts with open alerts or orders."""
    alerts, orders = read_alerts(connection), read_intents(connection)
    return frozenset({row.alert.key.account for row in alerts} | {row.intent.account for row in orders})
