"""What the daemon needs to go on where it, or the one before it, ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from monitor.core.account import InterestCharge, Scope
from monitor.core.alerts import Alert, AlertState
from monitor.core.intents import Intent
from monitor.core.outbox import DeliveryState
from monitor.store import intents, tables
from monitor.store.by_hand import FIRST_BY_HAND
from monitor.store.rows import alert_of, charge_of

INTEREST_DAYS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Loaded:
    """One account as it was remembered.

    `alerts` are open, or resolved with something about them still to be told. `intents` are not final, or
    created, sent or settled in the last 24 hours. `interest` are the charges of the last 30 days, oldest
    first; `last_interest` is the newest charge of each scope, however old. `live` is the last status document.
    """

    account: str
    alerts: tuple[Alert, ...]
    intents: tuple[Intent, ...]
    interest: tuple[InterestCharge, ...]
    last_interest: Mapping[Scope, datetime]
    live: str | None


@dataclass(frozen=True, slots=True)
class NextIds:
    """The first numbers that no alert and no intent of any account has had."""

    alert: int
    intent: int


def load(connection: Connection, account: str, now: datetime) -> Loaded:
    """What is remembered of the account; empty for one never seen."""
    charges = tables.interest
    recent = connection.execute(
        select(charges)
        .where(charges.c.account == account, charges.c.charged_at >= now - INTEREST_DAYS)
        .order_by(charges.c.charged_at, charges.c.id)
    )
    newest = connection.execute(
        select(charges.c.symbol, func.max(charges.c.charged_at))
        .where(charges.c.account == account)
        .group_by(charges.c.symbol)
    )
    live = connection.execute(select(tables.live.c.document).where(tables.live.c.account == account)).scalar()
    return Loaded(
        account=account,
        alerts=_alerts(connection, account),
        intents=intents.recent(connection, account, now),
        interest=tuple(charge_of(row) for row in recent.mappings()),
        last_interest={Scope(symbol): at for symbol, at in newest},
        live=live,
    )


def next_ids(connection: Connection) -> NextIds:
    """The numbers to go on with. Numbers are shared by all accounts: hand them out in one place.

    Those of intents made by hand, beside a daemon that counts in its own memory, are of another range.
    """
    alert = connection.execute(select(func.max(tables.alerts.c.id))).scalar()
    own = tables.intents.c.id < FIRST_BY_HAND
    intent = connection.execute(select(func.max(tables.intents.c.id)).where(own)).scalar()
    return NextIds((alert or 0) + 1, (intent or 0) + 1)


def _alerts(connection: Connection, account: str) -> tuple[Alert, ...]:
    alerts, deliveries = tables.alerts, tables.deliveries
    waiting = select(deliveries.c.alert).where(
        deliveries.c.state == DeliveryState.QUEUED, deliveries.c.alert.is_not(None)
    )
    rows = connection.execute(
        select(alerts)
        .where(
            alerts.c.account == account,
            or_(alerts.c.state.in_((AlertState.PENDING, AlertState.FIRING)), alerts.c.id.in_(waiting)),
        )
        .order_by(alerts.c.id)
    )
    return tuple(alert_of(row) for row in rows.mappings())
