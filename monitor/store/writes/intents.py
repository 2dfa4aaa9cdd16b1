"""Intents in the database: compare-and-set claims, and every step appended."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, literal, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from monitor.core.model.intent import (
    FINAL_STATES,
    IN_FLIGHT_STATES,
    LEGAL_TRANSITIONS,
    Intent,
    IntentState,
    IntentStep,
    mark_approval_requested,
)
from monitor.core.model.order import Reduce
from monitor.core.settlement.transitions import is_abandoned
from monitor.errors import LeaseOutdated, StoreError
from monitor.store import commands_in_force
from monitor.store.db.connection_leases import claiming_epoch, renew_lease, require_account, written_epoch
from monitor.store.schema import tables
from monitor.store.schema.columns import TimestampType
from monitor.store.schema.row_mapping import intent_from_row, row_from_intent
from monitor.store.writes import audit

_IMMUTABLE_COLUMNS = frozenset(
    {
        "id",
        "state",
        "action",
        "mode",
        "account",
        "order_type",
        "scope",
        "symbol",
        "asset",
        "source",
        "market",
        "side",
        "kind",
        "goal",
        "purpose",
        "created_at",
        "uid",
    }
)
"""Columns that no step changes, and the state, which the database changes by the step itself."""

_FILL_COLUMNS = frozenset({"amount", "amount_usdt"})
_SIZE_COLUMNS = _FILL_COLUMNS | {"quantity", "price", "client_id"}
"""The size of the order, set at last when it is claimed. A market order is settled with its proceeds."""


_EPOCH_REFUSAL = "the lease has another epoch"
"""The database's words for a claim under an outdated epoch."""

_ASKING_STATES = frozenset({IntentState.PROPOSED, IntentState.EXPIRED})
"""States in which it matters whether a person was asked: a proposal that nobody was asked about is made again."""

RECENT_WINDOW = timedelta(hours=24)

RESTORED_UNSENT = "a backup was restored that has it as not sent yet, and it may have been sent since"


def write_intents(connection: Connection, intents: Sequence[Intent], steps: Sequence[IntentStep], at: datetime) -> None:
    """Insert new intents and update known ones, each by its own steps in the order given.

    Raises StoreError when a step does not start from the intent's state, or ends in another state than the given
    intent's.
    """
    known = {intent.id: intent for intent in intents}
    strangers = {step.intent for step in steps} - known.keys()
    if strangers:
        raise StoreError(f"steps of intents that are not in the entry: {sorted(strangers)}")
    for intent in intents:
        own = [step for step in steps if step.intent == intent.id]
        _write_intent(connection, intent, own, at)


def claim(connection: Connection, intent: Intent, at: datetime, note: str = "") -> bool:
    """Change PLANNED → SUBMITTING: True for exactly one caller, ever, and only then may the order be sent.

    The amount of `intent`, sized at the last moment, its `*_before` figures and its `submitted_at` (default: `at`) are
    recorded with it. False as well while actions are paused, those of its rule are stopped, or another intent of the
    same account, scope, kind and asset is in flight. Raises LeaseOutdated, and nothing is written, where another daemon
    has held the lease since this one's memory was loaded, and StoreRefused where it does not hold the account.
    """
    renew_lease(connection)
    require_account(connection, intent.account)
    paused = select(tables.control.c.paused).where(tables.control.c.id == 1).scalar_subquery()
    if connection.execute(select(paused)).scalar():
        return False
    if commands_in_force.is_rule_stopped(connection, intent):
        return False
    taken = replace(intent, state=IntentState.SUBMITTING, submitted_at=intent.submitted_at or at)
    step = IntentStep(intent.id, IntentState.PLANNED, IntentState.SUBMITTING, at, note)
    return record_step(connection, taken, step, claiming_epoch(connection, intent.account))


def record_step(connection: Connection, intent: Intent, step: IntentStep, epoch: int | None = None) -> bool:
    """Change the intent by one step if it is in the step's start state; False, and nothing written, if not.

    False as well when the step would put a second intent of the same kind in flight. `epoch` is that of a claim, by
    default the one that the connection writes under. Raises StoreError for an illegal step.
    """
    if step.intent != intent.id or step.to_state is not intent.state:
        raise StoreError(f"intent {intent.id}: the step given is not the one to {intent.state}")
    if step.from_state is None or (step.from_state, step.to_state) not in LEGAL_TRANSITIONS:
        raise StoreError(f"intent {intent.id} cannot go from {step.from_state} to {step.to_state}")
    try:
        with connection.begin_nested():
            if not _apply_step(connection, intent, step):
                return False
            append(connection, step, intent.account, epoch)
    except IntegrityError as error:
        if _EPOCH_REFUSAL in str(error.orig):
            raise LeaseOutdated("another daemon has taken the database over since it was decided") from error
        if step.to_state in IN_FLIGHT_STATES:
            return False
        raise
    return True


def mark_loss_judged(connection: Connection, intent: int, at: datetime) -> bool:
    """Record that the level loss of a confirmed order was judged; return False when it did not await that."""
    table = tables.intents
    awaiting = update(table).where(table.c.id == intent, table.c.awaits_judgement)
    if connection.execute(awaiting.values(awaits_judgement=False)).rowcount != 1:
        return False
    audit.append_amendment(connection, intent, at)
    return True


def record_approval_request(connection: Connection, intent: int, at: datetime) -> bool:
    """Record that a channel delivered a proposal; False when one did before, or the proposal is closed."""
    found = find_intent(connection, intent)
    if found is None or found.asked_at is not None or found.state not in _ASKING_STATES:
        return False
    now_asked = mark_approval_requested(found, at)
    table = tables.intents
    moved = connection.execute(
        update(table)
        .where(table.c.id == intent, table.c.state == found.state, table.c.asked_at.is_(None))
        .values(asked_at=now_asked.asked_at, expires_at=now_asked.expires_at)
    )
    if moved.rowcount == 1:
        audit.append_amendment(connection, intent, at)
    return moved.rowcount == 1


def mark_interrupted(
    connection: Connection, now: datetime, accounts: Collection[str] | None = None
) -> tuple[Intent, ...]:
    """Mark the intents that were being sent when the daemon ended as UNCERTAIN and return them; optionally of accounts.

    Intents that a person's command is sending at this moment are left to it.
    """
    table = tables.intents
    sending = select(table).where(table.c.state == IntentState.SUBMITTING, _is_of(accounts))
    rows = connection.execute(sending.order_by(table.c.id))
    found = []
    for row in rows.mappings().all():
        sent = intent_from_row(row)
        if not is_abandoned(sent, now):
            continue
        intent = replace(sent, state=IntentState.UNCERTAIN)
        step = IntentStep(
            intent.id, IntentState.SUBMITTING, IntentState.UNCERTAIN, now, "the daemon ended while sending"
        )
        record_step(connection, intent, step)
        found.append(intent)
    return tuple(found)


def expire_restored(
    connection: Connection, now: datetime, accounts: Collection[str] | None = None
) -> tuple[Intent, ...]:
    """End the intents that a restored backup has as not sent yet, and return them: they may have been sent since.

    A restore lets ids begin above all that were given before it. Manual intents are sent by their command alone.
    `accounts` None: of all.
    """
    table = tables.intents
    kept = select(tables.control.c.numbers_from).scalar_subquery()
    unsent = table.c.state.in_([IntentState.PROPOSED, IntentState.PLANNED])
    wanted = select(table).where(unsent, table.c.id < kept, _is_of(accounts)).order_by(table.c.id)
    rows = connection.execute(wanted).mappings().all()
    expired = []
    for row in rows:
        restored = intent_from_row(row)
        ended = replace(restored, state=IntentState.EXPIRED, settled_at=now, expires_at=None, evidence=RESTORED_UNSENT)
        step = IntentStep(restored.id, restored.state, IntentState.EXPIRED, now, RESTORED_UNSENT)
        if record_step(connection, ended, step):
            expired.append(ended)
    return tuple(expired)


def read_recent(connection: Connection, account: str, now: datetime) -> tuple[Intent, ...]:
    """Return the account's intents that are not final, and those created, sent or settled in the last 24 hours."""
    return _select_recent(connection, tables.intents.c.account == account, now)


def read_recent_under_other_names(connection: Connection, account: str, uid: int, now: datetime) -> tuple[Intent, ...]:
    """Return such intents of all other names under which orders were made for the same user of the exchange."""
    table = tables.intents
    return _select_recent(connection, (table.c.uid == uid) & (table.c.account != account), now)


def find_intent(connection: Connection, intent: int) -> Intent | None:
    """Return the intent as it is now; None if there is none with that id."""
    row = connection.execute(select(tables.intents).where(tables.intents.c.id == intent)).mappings().first()
    return None if row is None else intent_from_row(row)


def _is_of(accounts: Collection[str] | None) -> ColumnElement[bool]:
    return true() if accounts is None else tables.intents.c.account.in_(accounts)


def _select_recent(connection: Connection, wanted: ColumnElement[bool], now: datetime) -> tuple[Intent, ...]:
    table = tables.intents
    since = now - RECENT_WINDOW
    rows = connection.execute(
        select(table)
        .where(
            wanted,
            or_(
                table.c.state.not_in(sorted(FINAL_STATES)),
                table.c.awaits_judgement,
                table.c.created_at >= since,
                table.c.submitted_at >= since,
                table.c.settled_at >= since,
            ),
        )
        .order_by(table.c.id)
    )
    return tuple(intent_from_row(row) for row in rows.mappings())


def _write_intent(connection: Connection, intent: Intent, steps: list[IntentStep], at: datetime) -> None:
    if steps and steps[-1].to_state is not intent.state:
        raise StoreError(f"intent {intent.id}: its steps end at {steps[-1].to_state}, not at {intent.state}")
    if not steps:
        _apply_step_or_raise(connection, intent, IntentStep(intent.id, intent.state, intent.state, at, ""))
        audit.append_amendment(connection, intent.id, at)
        return
    if steps[0].from_state is None:
        born = steps.pop(0)
        insert_intent(connection, replace(intent, state=born.to_state))
        append(connection, born, intent.account)
    for step in steps:
        _apply_step_or_raise(connection, replace(intent, state=step.to_state), step)
        append(connection, step, intent.account)


def _apply_step_or_raise(connection: Connection, intent: Intent, step: IntentStep) -> None:
    if not _apply_step(connection, intent, step):
        raise StoreError(f"intent {intent.id} is no longer {step.from_state}")


def _apply_step(connection: Connection, intent: Intent, step: IntentStep) -> bool:
    """Write the new facts of a step if the intent is in its start state. Appending the step changes the state."""
    table = tables.intents
    fixed = _IMMUTABLE_COLUMNS | _SIZE_COLUMNS
    if step.to_state is IntentState.SUBMITTING:
        fixed = _IMMUTABLE_COLUMNS
    elif step.to_state is IntentState.CONFIRMED and isinstance(intent.order, Reduce):
        fixed -= _FILL_COLUMNS
    changed: dict[str, Any] = {name: value for name, value in row_from_intent(intent).items() if name not in fixed}
    # The time at which a person was asked stays.
    changed["asked_at"] = func.coalesce(table.c.asked_at, literal(intent.asked_at, TimestampType))
    moved = connection.execute(
        update(table)
        .where(table.c.id == intent.id, table.c.account == intent.account, table.c.state == step.from_state)
        .values(changed)
    )
    return moved.rowcount == 1


def insert_intent(connection: Connection, intent: Intent) -> None:
    """Insert a new intent, which is born by the step that has to follow."""
    connection.execute(
        insert(tables.intents), {**row_from_intent(intent), "epoch": written_epoch(connection, intent.account)}
    )


def append(connection: Connection, step: IntentStep, account: str, epoch: int | None = None) -> None:
    """Append the step to the transitions of an intent of `account`, which changes its state, and to the audit trail."""
    table = tables.intent_transitions
    last = connection.execute(select(func.max(table.c.seq)).where(table.c.intent == step.intent)).scalar()
    row = {
        "intent": step.intent,
        "seq": 1 if last is None else last + 1,
        "from_state": step.from_state,
        "to_state": step.to_state,
        "at": step.at,
        "note": step.note,
        "epoch": written_epoch(connection, account) if epoch is None else epoch,
    }
    connection.execute(insert(table), row)
    audit.append_step(connection, step)
