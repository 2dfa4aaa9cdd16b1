"""The outbox: queued deliveries, their attempts, and what each channel was last notified of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, true, update

from monitor.core.model.alert import AlertKey, AlertState
from monitor.core.notifications.outbox import (
    MAX_WAIT_S,
    Delivery,
    DeliveryAttempt,
    DeliveryKey,
    DeliveryState,
    LastNotified,
    NotifiedAlert,
)
from monitor.store.db.account_leases import LEADER
from monitor.store.db.connection_leases import held_accounts, home_account, is_leader, written_epoch
from monitor.store.db.lease_term import read_database_time
from monitor.store.db.prepared_statements import prepare_insert_returning_id, upsert
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import delivery_from_row, last_notified_from_row
from monitor.store.writes import intents
from monitor.store.writes.change_counter import bump_change_counter
from monitor.store.writes.replies import channel_messages

UNHELD_FOR = timedelta(seconds=60)
"""How long nobody has held an account before another daemon sends what is still queued of it."""

_QUEUED = tables.deliveries.c.state == DeliveryState.QUEUED


def enqueue(connection: Connection, delivery: Delivery, account: str | None) -> Delivery:
    """Queue the delivery and return it with the id that it got. Its own id does not matter.

    The daemon that holds `account` sends it; None: the one that does what is done once a database.
    """
    row = {
        "channel": delivery.channel,
        "alert": delivery.alert,
        "reason": delivery.reason,
        "severity": delivery.severity,
        "created_at": delivery.created_at,
        "next_at": delivery.next_at,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "sent_at": delivery.sent_at,
        "answer": delivery.answer,
        "text": delivery.text,
        "drill": delivery.drill,
        "intent": delivery.intent,
        "epoch": written_epoch(connection, account),
        "account": account,
    }
    return replace(
        delivery,
        id=prepare_insert_returning_id(tables.deliveries, connection.dialect).run_returning_id(connection, row),
    )


def enqueue_once(connection: Connection, delivery: Delivery) -> Delivery | None:
    """Queue the delivery; None where its channel has had the same message, whatever its outcome.

    The same message has the same cause, words and moment. So channels that are fallbacks of each other end at each
    other.
    """
    if _find_same(connection, delivery) is not None:
        return None
    return enqueue(connection, delivery, _find_account(connection, delivery))


def record_message(connection: Connection, delivery: Delivery, attempts: Sequence[DeliveryAttempt]) -> Delivery:
    """Record a delivery that was sent from memory, with its attempts so far, and return it as it stands now.

    The row may be there already, with the first of the attempts: an earlier call whose answer was lost made it.
    """
    row = _find_same(connection, delivery)
    if row is None:
        row = enqueue(connection, delivery, _find_account(connection, delivery))
    for attempt in attempts[row.attempts :]:
        _record_attempt(connection, replace(attempt, delivery=row.key))
    return _find_same(connection, delivery) or row


def enqueue_all(connection: Connection, deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Queue deliveries of the daemon itself, all or none, and return them with their ids."""
    return tuple(enqueue(connection, delivery, home_account(connection)) for delivery in deliveries)


def read_drill_deliveries(connection: Connection, drill: int) -> tuple[Delivery, ...]:
    """Return all deliveries of a drill, in order, in their present states."""
    table = tables.deliveries
    rows = connection.execute(select(table).where(table.c.drill == drill).order_by(table.c.id))
    return tuple(delivery_from_row(row) for row in rows.mappings())


def read_due_deliveries(
    connection: Connection,
    channel: str,
    now: datetime,
    limit: int = 100,
    accounts: Collection[str] | None = None,
    *,
    is_leader: bool = True,
) -> tuple[Delivery, ...]:
    """Return the channel's due deliveries, oldest first.

    `accounts`: those alone that a daemon with these accounts sends, one of which also sends what nobody else does.
    """
    table = tables.deliveries
    own = _sent_by(connection, accounts, is_leader=is_leader)
    rows = connection.execute(
        select(table)
        .where(_QUEUED, table.c.channel == channel, table.c.next_at <= now, own)
        .order_by(table.c.next_at, table.c.id)
        .limit(limit)
    )
    return tuple(delivery_from_row(row) for row in rows.mappings())


def read_next_due_at(
    connection: Connection,
    channel: str,
    after: datetime | None = None,
    accounts: Collection[str] | None = None,
    *,
    is_leader: bool = True,
) -> datetime | None:
    """Return the time of the channel's next delivery, of those due after a moment; None: nothing is queued.

    `accounts` as in `read_due_deliveries`.
    """
    table = tables.deliveries
    wanted = select(func.min(table.c.next_at)).where(
        _QUEUED, table.c.channel == channel, _sent_by(connection, accounts, is_leader=is_leader)
    )
    if after is not None:
        wanted = wanted.where(table.c.next_at > after)
    found: datetime | None = connection.execute(wanted).scalar()
    return found


def record_attempts(connection: Connection, attempts: Iterable[DeliveryAttempt]) -> int:
    """Append attempts, each with the provider's own words, and update their deliveries; return how many.

    A delivery gets the attempt's `state`: QUEUED with `next_at` for another attempt. `last_notified` is what the
    channel has now been sent of the alert. Nothing is written of a delivery that was already finished.
    """
    return sum(_record_attempt(connection, attempt) for attempt in attempts)


def close_unsent(connection: Connection, state: DeliveryState, why: Mapping[DeliveryKey, str]) -> int:
    """Close queued deliveries that were not tried, each with its answer: nothing new in them, or too late.

    Returns how many; those that were finished don't count.
    """
    table = tables.deliveries
    ended = (
        connection.execute(update(table).where(_row(key), _QUEUED).values(state=state, answer=answer))
        for key, answer in why.items()
    )
    return sum(result.rowcount for result in ended)


def postpone(connection: Connection, deliveries: Iterable[DeliveryKey], until: datetime) -> int:
    """Postpone queued deliveries until `until`; return how many. Those that were finished don't count."""
    table = tables.deliveries
    moved = (
        connection.execute(update(table).where(_row(key), _QUEUED).values(next_at=until)).rowcount for key in deliveries
    )
    return sum(moved)


def release_postponed(connection: Connection, now: datetime) -> int:
    """Make untried postponed deliveries due again, since their hold may no longer apply; return how many.

    Deliveries whose next attempt is later than possible are made due too: a clock that was ahead dated it. Those that
    another daemon sends are left alone.
    """
    table = tables.deliveries
    own = _sent_by(connection, held_accounts(connection), is_leader=is_leader(connection))
    misdated = table.c.next_at > now + timedelta(seconds=MAX_WAIT_S)
    waits = and_(_QUEUED, own, table.c.next_at > now, or_(table.c.attempts == 0, misdated))
    return connection.execute(update(table).where(waits).values(next_at=now)).rowcount


def save_last_notified(connection: Connection, last_notified: LastNotified) -> None:
    """Save what the channel was last sent of the alert."""
    row = {
        "channel": last_notified.channel,
        "alert": last_notified.alert,
        "state": last_notified.state,
        "severity": last_notified.severity,
        "at": last_notified.at,
    }
    connection.execute(upsert(tables.told, connection.dialect, ("channel", "alert")), row)


def read_last_notified(
    connection: Connection, channel: str, alert_ids: frozenset[int] | None = None
) -> Mapping[int, NotifiedAlert]:
    """Return what the channel was last sent, by alert.

    The result covers `alert_ids`, or all alerts that are open or have deliveries queued.
    """
    if alert_ids is not None and not alert_ids:
        return {}
    table, alerts, deliveries = tables.told, tables.alerts, tables.deliveries
    waiting = select(deliveries.c.alert).where(
        _QUEUED, deliveries.c.channel == channel, deliveries.c.alert.is_not(None)
    )
    still_open = alerts.c.state.in_((AlertState.PENDING, AlertState.FIRING))
    wanted = or_(still_open, table.c.alert.in_(waiting)) if alert_ids is None else table.c.alert.in_(alert_ids)
    rows = connection.execute(
        select(table, alerts.c.rule, alerts.c.account, alerts.c.scope, alerts.c.subject)
        .join(alerts, alerts.c.id == table.c.alert)
        .where(table.c.channel == channel, wanted)
    )
    return {
        row["alert"]: NotifiedAlert(
            last_notified_from_row(row), AlertKey(row["rule"], row["account"], row["scope"], row["subject"])
        )
        for row in rows.mappings()
    }


def read_sent_times(connection: Connection, channel: str, since: datetime) -> tuple[datetime, ...]:
    """Return when the channel's messages after a moment were sent, oldest first; those sent together are one.

    Drills are left out: a person requested them.
    """
    table = tables.deliveries
    wanted = select(table.c.sent_at).where(table.c.channel == channel, table.c.sent_at > since, table.c.drill.is_(None))
    return tuple(connection.execute(wanted.distinct().order_by(table.c.sent_at)).scalars())


def read_attempted_alerts(
    connection: Connection, channel: str, alerts: frozenset[int], before: datetime
) -> frozenset[int]:
    """Return the alerts with a failed attempt on the channel, or with a delivery from before a moment.

    An attempt of the latter may be unrecorded.
    """
    if not alerts:
        return frozenset()
    table = tables.deliveries
    missed = or_(table.c.attempts > 0, table.c.created_at < before)
    wanted = select(table.c.alert).where(table.c.channel == channel, table.c.alert.in_(alerts), missed)
    return frozenset(connection.execute(wanted.distinct()).scalars())


def read_failing_channels(connection: Connection, channels: Iterable[str]) -> frozenset[str]:
    """Return the channels whose last attempt failed."""
    attempts, deliveries = tables.delivery_attempts, tables.deliveries
    newest = select(attempts.c.ok).join(deliveries, deliveries.c.id == attempts.c.delivery)
    newest = newest.order_by(attempts.c.id.desc()).limit(1)
    return frozenset(
        name for name in channels if connection.execute(newest.where(deliveries.c.channel == name)).scalar() is False
    )


def _sent_by(connection: Connection, accounts: Collection[str] | None, *, is_leader: bool) -> ColumnElement[bool]:
    """The condition for what a daemon with these accounts sends; None: with all of them.

    Where several share the database, the leader also sends what belongs to no account, and what is queued of an account
    that nobody holds, once that was so for UNHELD_FOR and the leader was one as long: until then the last holder may
    just be sending the same, or the next one take it over. A holder that gave nothing back counts as one, however
    silent: after a failure of the database all are.
    """
    account, leases = tables.deliveries.c.account, tables.leases
    if accounts is None:
        return true()
    own = account.in_(sorted(accounts))
    if not is_leader:
        return own
    settled = read_database_time(connection) - UNHELD_FOR
    held = select(leases.c.account).where(or_(leases.c.holder.is_not(None), leases.c.renewed_at > settled))
    leads = select(leases.c.account).where(leases.c.account == LEADER, leases.c.since <= settled).exists()
    return or_(own, account.is_(None), and_(account.not_in(held), leads))


def _find_account(connection: Connection, delivery: Delivery) -> str | None:
    """Return the account that the delivery is about, else that under which the daemon keeps its own."""
    for table, number in ((tables.alerts, delivery.alert), (tables.intents, delivery.intent)):
        if number is not None:
            found: str | None = connection.execute(select(table.c.account).where(table.c.id == number)).scalar()
            if found is not None:
                return found
    return home_account(connection)


def _row(key: DeliveryKey) -> ColumnElement[bool]:
    """The condition for the row of that key: another message may have got its id after a failover."""
    return and_(tables.deliveries.c.id == key.id, tables.deliveries.c.created_at == key.created_at)


def _record_asked(connection: Connection, attempt: DeliveryAttempt) -> None:
    """Record that a person was asked about the delivery's intent."""
    table = tables.deliveries
    intent = connection.execute(select(table.c.intent).where(_row(attempt.delivery))).scalar()
    if intent is not None and intents.record_approval_request(connection, intent, attempt.at):
        bump_change_counter(connection)


def _find_same(connection: Connection, delivery: Delivery) -> Delivery | None:
    """Return the row of the same message to the same channel."""
    table = tables.deliveries
    same = (
        table.c.alert == delivery.alert if delivery.alert is not None else table.c.alert.is_(None),
        table.c.drill == delivery.drill if delivery.drill is not None else table.c.drill.is_(None),
        table.c.channel == delivery.channel,
        table.c.created_at == delivery.created_at,
        table.c.reason == delivery.reason,
        table.c.text == delivery.text,
    )
    row = connection.execute(select(table).where(*same).limit(1)).mappings().first()
    return None if row is None else delivery_from_row(row)


def _record_attempt(connection: Connection, attempt: DeliveryAttempt) -> bool:
    table = tables.deliveries
    moved = connection.execute(
        update(table)
        .where(_row(attempt.delivery), _QUEUED)
        .values(
            state=attempt.state,
            attempts=table.c.attempts + 1,
            answer=attempt.answer,
            sent_at=attempt.at if attempt.ok else None,
            **({} if attempt.next_at is None else {"next_at": attempt.next_at}),
        )
    )
    if moved.rowcount != 1:
        return False
    tried = {"delivery": attempt.delivery.id, "at": attempt.at, "ok": attempt.ok, "answer": attempt.answer}
    connection.execute(insert(tables.delivery_attempts), tried)
    if attempt.ok:
        _record_asked(connection, attempt)
    if attempt.message is not None:
        channel_messages.add_message_of_delivery(connection, attempt.delivery.id, attempt.message, attempt.at)
    if attempt.last_notified is not None:
        save_last_notified(connection, attempt.last_notified)
    return True
