"""Journal entries of steps, each written in one transaction or not at all."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.model.action_blocks import StopCause
from monitor.core.model.alert import Alert, AlertState, AlertTransition, Notification
from monitor.core.model.events import ReadFailed, StreamEvent
from monitor.core.model.intent import Intent, IntentStep
from monitor.core.model.journal import JournalEntry, Notice, Sample
from monitor.core.notifications.outbox import Delivery
from monitor.core.settlement.notices import intent_notices
from monitor.errors import StoreError
from monitor.store import lost_steps
from monitor.store.db.connection_leases import held_accounts, home_account, require_account
from monitor.store.db.prepared_statements import prepare_insert, prepare_upsert, upsert
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import row_from_alert
from monitor.store.writes import intents, movements, outbox, rule_stops
from monitor.store.writes import record_coverage as record_rows
from monitor.store.writes.change_counter import bump_change_counter
from monitor.store.writes.pause_switch import set_paused

EVENT_COLUMNS = (
    "account",
    "scope",
    "symbol",
    "type",
    "event_time",
    "received_at",
    "stream",
    "key",
    "payload",
    "rejected",
)
FAILURE_COLUMNS = ("account", "read", "scope", "symbol", "at", "cause", "rejected", "payload")
TRANSITION_COLUMNS = ("alert", "from_state", "to_state", "at", "value", "note")
SAMPLE_COLUMNS = ("series", "at", "value", "missing")

SeriesKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class EntryMark:
    """The number of an entry of one writer: rising, and kept by an entry whose outcome is unknown."""

    writer: str
    seq: int


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The deliveries that an entry queued.

    `already_written`: an earlier attempt, whose answer was lost, had written the whole entry.
    """

    deliveries: tuple[Delivery, ...]
    already_written: bool = False


def commit(connection: Connection, entry: JournalEntry) -> CommitResult:
    """Write the whole entry. Raises StoreError when the database refuses a part of it: then nothing is written.

    It is refused as well where this daemon shares the accounts with others and does not hold the entry's.
    """
    require_account(connection, entry.account)
    _write_events(connection, entry.account, entry.events)
    _write_failures(connection, entry.account, entry.failures)
    _write_samples(connection, entry.account, entry.samples)
    _write_alerts(connection, entry.alerts)
    _write_transitions(connection, entry.transitions)
    intents.write_intents(connection, entry.intents, entry.intent_steps, entry.at)
    if any(intent.awaits_judgement for intent in entry.intents):
        # Its rule waits, for accounts of other names, too.
        bump_change_counter(connection)
    movements.write_movements(connection, entry.account, entry.movements)
    movements.write_terms(connection, entry.account, entry.terms)
    if entry.paused_by:
        set_paused(connection, True, entry.paused_by, entry.at)
    record_rows.write_coverage(connection, entry.account, entry.gap_movements, entry.known_until)
    deliveries = (
        *_enqueue_notifications(connection, entry.notifications, entry.account),
        *_enqueue_notices(connection, entry.notices, entry.account),
    )
    if entry.live is not None:
        row = {"account": entry.account, "at": entry.at, "document": entry.live}
        connection.execute(upsert(tables.live, connection.dialect, ("account",)), row)
    return CommitResult(deliveries)


def commit_once(connection: Connection, entry: JournalEntry, mark: EntryMark) -> CommitResult:
    """Write the entry, unless one with this mark, or a later one of its writer, was written already."""
    table = tables.commits
    known = connection.execute(select(table.c.writer, table.c.seq).where(table.c.account == entry.account)).first()
    if known is not None and known.writer == mark.writer and known.seq >= mark.seq:
        return CommitResult((), already_written=True)
    written = commit(connection, entry)
    row = {"account": entry.account, "writer": mark.writer, "seq": mark.seq}
    prepare_upsert(table, connection.dialect, ("account",), ()).run(connection, row)
    return written


def record_step_with_notices(
    connection: Connection,
    intent: Intent,
    step: IntentStep,
    notices: tuple[Notice, ...] = (),
    stop: StopCause | None = None,
) -> bool:
    """Record a step of an intent of an account that the daemon holds, and queue its notices.

    See `intents.record_step`. `stop`: why the step stops the actions of the intent's rule.
    """
    require_account(connection, intent.account)
    taken = record_step_of_person(connection, intent, step, notices)
    if taken:
        if stop is not None:
            rule_stops.stop_rule(connection, intent, stop, step.at)
        elif intent.awaits_judgement:
            bump_change_counter(connection)
    return taken


def record_step_of_person(
    connection: Connection, intent: Intent, step: IntentStep, notices: tuple[Notice, ...]
) -> bool:
    """Record a step that a person ordered, whichever daemon holds the account, and queue its notices."""
    taken = intents.record_step(connection, intent, step)
    if taken:
        _enqueue_notices(connection, notices, intent.account)
    return taken


def record_loss_judgement(
    connection: Connection, intent: Intent, at: datetime, notices: tuple[Notice, ...], stop: StopCause | None
) -> bool:
    """Record the judgement of an order and queue its notices; return whether the order awaited it."""
    require_account(connection, intent.account)
    if not intents.mark_loss_judged(connection, intent.id, at):
        return False
    _enqueue_notices(connection, notices, intent.account)
    bump_change_counter(connection)
    if stop is not None:
        rule_stops.stop_rule(connection, intent, stop, at)
    return True


def restore_lost_steps(
    connection: Connection,
    known: Sequence[Intent],
    now: datetime,
    notices: Callable[[Sequence[Intent]], Sequence[Notice]],
    stop: StopCause | None = None,
) -> tuple[int, ...]:
    """Record once more the lost steps of sent intents of one account; return their ids.

    `notices` returns the notices of these intents. `stop`: why the first one stops the actions of its rule.
    """
    for account in {intent.account for intent in known}:
        require_account(connection, account)
    lost = tuple(intent for intent in known if lost_steps.restore_intent_steps(connection, intent, now))
    if lost:
        _enqueue_notices(connection, notices(lost), lost[0].account)
    if stop is not None and known[0] in lost:
        rule_stops.stop_rule(connection, known[0], stop, now)
    return tuple(intent.id for intent in lost)


def recover_interrupted(
    connection: Connection,
    now: datetime,
    channels: tuple[str, ...] = (),
    accounts: Collection[str] | None = None,
) -> tuple[Intent, ...]:
    """Mark the intents that were being sent when the daemon ended as UNCERTAIN, with notices to `channels`.

    What a restored backup has as not sent yet ends, too: its alert may call for it anew. `accounts` None: those of all
    that this connection holds.
    """
    wanted = held_accounts(connection) if accounts is None else accounts
    for account in accounts or ():
        require_account(connection, account)
    found = intents.mark_interrupted(connection, now, wanted)
    for intent in found:
        _enqueue_notices(connection, intent_notices((intent,), channels, now), intent.account)
    intents.expire_restored(connection, now, wanted)
    return found


def pause_with_notices(connection: Connection, by: str, notices: Sequence[Notice], at: datetime) -> None:
    """Pause all actions, and queue the notices of it."""
    set_paused(connection, True, by, at)
    _enqueue_notices(connection, notices, home_account(connection))


def _write_events(connection: Connection, account: str, events: tuple[StreamEvent, ...]) -> None:
    rows = (
        (
            account,
            event.scope.kind,
            event.scope.symbol,
            event.type,
            event.event_time,
            event.received_at,
            event.stream,
            event.key,
            event.payload,
            event.rejected,
        )
        for event in events
    )
    prepare_insert(tables.events, EVENT_COLUMNS, connection.dialect).run(connection, rows)


def _write_failures(connection: Connection, account: str, failures: tuple[ReadFailed, ...]) -> None:
    rows = (
        (
            account,
            failure.read,
            failure.scope.kind if failure.scope is not None else None,
            failure.scope.symbol if failure.scope is not None else None,
            failure.at,
            failure.cause,
            failure.rejected,
            failure.payload,
        )
        for failure in failures
    )
    prepare_insert(tables.failures, FAILURE_COLUMNS, connection.dialect).run(connection, rows)


def _write_samples(connection: Connection, account: str, samples: tuple[Sample, ...]) -> None:
    ids = _series_ids(connection, account, samples) if samples else {}
    rows = []
    for sample in samples:
        infinite = sample.value is not None and sample.value.is_infinite()
        missing = "infinite" if infinite else "unavailable" if sample.value is None else None
        series = ids[sample.scope, sample.subject, sample.metric]
        rows.append((series, sample.at, None if infinite else sample.value, missing))
    prepare_insert(tables.samples, SAMPLE_COLUMNS, connection.dialect).run(connection, rows)


def _series_ids(connection: Connection, account: str, samples: Iterable[Sample]) -> Mapping[SeriesKey, int]:
    """Return the ids of the account's series, those of the samples included; new series are written first."""
    # Cached on the connection, so that the ids are dropped with it or with a rolled back unit.
    cached: dict[str, Mapping[SeriesKey, int]] = connection.info.setdefault("series", {})
    if account not in cached:
        cached[account] = _read_series_ids(connection, account)
    wanted = {(sample.scope, sample.subject, sample.metric) for sample in samples}
    new = sorted(wanted - cached[account].keys())
    if new:
        insert = prepare_insert(tables.series, ("account", "scope", "subject", "metric"), connection.dialect)
        insert.run(connection, [(account, *key) for key in new])
        cached[account] = _read_series_ids(connection, account)
    return cached[account]


def _read_series_ids(connection: Connection, account: str) -> Mapping[SeriesKey, int]:
    table = tables.series
    rows = connection.execute(
        select(table.c.scope, table.c.subject, table.c.metric, table.c.id).where(table.c.account == account)
    )
    return {(scope, subject, metric): number for scope, subject, metric, number in rows}


def _write_alerts(connection: Connection, alerts: tuple[Alert, ...]) -> None:
    guard = ("rule", "account", "scope", "subject")
    write = prepare_upsert(tables.alerts, connection.dialect, ("id",), guard)
    for alert in alerts:
        if write.run(connection, row_from_alert(alert)) != 1:
            raise StoreError(f"the number #{alert.id} belongs to another alert")


def _write_transitions(connection: Connection, transitions: tuple[AlertTransition, ...]) -> None:
    rows = ((t.alert, t.from_state, AlertState(t.to_state), t.at, t.value, t.note) for t in transitions)
    prepare_insert(tables.alert_transitions, TRANSITION_COLUMNS, connection.dialect).run(connection, rows)


def _enqueue_notices(connection: Connection, notices: Iterable[Notice], account: str | None) -> tuple[Delivery, ...]:
    return tuple(
        outbox.enqueue(
            connection,
            Delivery(
                id=0,
                channel=channel,
                alert=None,
                reason="notice",
                severity=notice.severity,
                created_at=notice.at,
                next_at=notice.at,
                text=notice.text,
                intent=notice.intent,
            ),
            account,
        )
        for notice in notices
        for channel in notice.channels
    )


def _enqueue_notifications(
    connection: Connection, notifications: tuple[Notification, ...], account: str
) -> tuple[Delivery, ...]:
    return tuple(
        outbox.enqueue(
            connection,
            Delivery(
                id=0,
                channel=channel,
                alert=notification.alert,
                reason=notification.reason,
                severity=notification.severity,
                created_at=notification.at,
                next_at=notification.at,
            ),
            account,
        )
        for notification in notifications
        for channel in notification.channels
    )
