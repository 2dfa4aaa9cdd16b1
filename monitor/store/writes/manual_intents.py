"""Intents of manual API calls, recorded before they are sent, with or without a daemon."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from monitor.core.model.intent import IN_FLIGHT_STATES, Intent, IntentState, IntentStep
from monitor.core.model.order import Outcome
from monitor.core.settlement.observation import Unresolved
from monitor.core.settlement.transitions import IntentUpdate, abandon, apply_manual_outcome, apply_verdict, is_abandoned
from monitor.errors import CommandRefused, StoreError
from monitor.store import commands_in_force
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import intent_from_row
from monitor.store.writes import intents as intent_rows
from monitor.store.writes.change_counter import bump_change_counter
from monitor.store.writes.id_allocation import FIRST_MANUAL_INTENT_ID, lowest_free_id

_UNSETTLED_STATES = (IntentState.SUBMITTING, IntentState.ACKNOWLEDGED, IntentState.UNCERTAIN)


def claim_manual_intent(connection: Connection, intent: Intent, at: datetime, conflicting_kind: str = "") -> Intent:
    """Record the intent with a new id as SUBMITTING: its order may be sent now, by this caller alone.

    Its `submitted_at`, if given, is kept: that is the exchange's time. `conflicting_kind` is another kind of intent
    that must not be in flight at the same time. Raises CommandRefused, and nothing is written, while actions are paused
    or one of its kind is in flight.
    """
    _refuse_while_paused(connection)
    last = connection.execute(select(func.max(tables.intents.c.id))).scalar() or 0
    least = FIRST_MANUAL_INTENT_ID - 1 + lowest_free_id(connection, at)
    planned = replace(intent, id=max(last + 1, least), state=IntentState.PLANNED, created_at=at)
    if conflicting_kind and (met := _in_flight(connection, planned.account, conflicting_kind)) is not None:
        raise _in_flight_error(met)
    born = IntentStep(planned.id, None, IntentState.PLANNED, at, "ordered by hand")
    intent_rows.write_intents(connection, (planned,), (born,), at)
    if not intent_rows.claim(connection, planned, at, "sent by hand"):
        raise _conflict_error(connection, planned)
    bump_change_counter(connection)
    return replace(planned, state=IntentState.SUBMITTING, submitted_at=planned.submitted_at or at)


def record_manual_step(connection: Connection, intent: Intent, step: IntentStep) -> bool:
    """Record a step; return False where a daemon was quicker."""
    taken = intent_rows.record_step(connection, intent, step)
    bump_change_counter(connection)
    return taken


def finish_manual_call(connection: Connection, intent: int, outcome: Outcome, at: datetime) -> Intent:
    """Settle the intent of a manual call by the answer, or as UNRESOLVED where there was no clear one.

    Raises StoreError when there is no such intent.
    """
    found = intent_rows.find_intent(connection, intent)
    if found is None:
        raise StoreError(f"intent {intent} is gone")
    return _record_transition(connection, found, apply_manual_outcome(found, outcome, at))


def settle_abandoned(connection: Connection, at: datetime, unresolved_after: timedelta) -> None:
    """Settle, as far as possible, intents that earlier commands left open and that no running daemon settles.

    An order whose sender is gone becomes uncertain; one uncertain for longer than `unresolved_after` becomes
    UNRESOLVED, for a person to settle.
    """
    table = tables.intents
    rows = connection.execute(
        select(table).where(table.c.id >= FIRST_MANUAL_INTENT_ID, table.c.state.in_(_UNSETTLED_STATES))
    )
    for intent in [intent_from_row(row) for row in rows.mappings()]:
        if intent.state is IntentState.SUBMITTING:
            if is_abandoned(intent, at):
                _record_transition(connection, intent, abandon(intent, at))
        elif at - (intent.submitted_at or intent.created_at) > unresolved_after:
            asked = apply_verdict(intent, Unresolved(intent.evidence or "nobody could look into it"), at)
            _record_transition(connection, intent, () if asked is None else (asked,))


def _record_transition(connection: Connection, intent: Intent, moves: Sequence[IntentUpdate]) -> Intent:
    for moved in moves:
        if not intent_rows.record_step(connection, moved.intent, moved.step):
            break
        intent = moved.intent
    bump_change_counter(connection)
    return intent


def _refuse_while_paused(connection: Connection) -> None:
    if commands_in_force.is_paused(connection):
        raise CommandRefused(
            "actions are paused: nothing is sent", mend="`margin-monitor actions resume` ends the pause"
        )


def _in_flight(connection: Connection, account: str, kind: str) -> int | None:
    table = tables.intents
    return connection.execute(
        select(table.c.id).where(
            table.c.account == account, table.c.kind == kind, table.c.state.in_(sorted(IN_FLIGHT_STATES))
        )
    ).scalar()


def _conflict_error(connection: Connection, planned: Intent) -> CommandRefused:
    table = tables.intents
    other = connection.execute(
        select(table.c.id).where(
            table.c.account == planned.account,
            table.c.scope == planned.scope.kind,
            table.c.symbol == planned.scope.symbol,
            table.c.kind == planned.kind,
            table.c.asset == planned.asset,
            table.c.state.in_(sorted(IN_FLIGHT_STATES)),
        )
    ).scalar()
    return _in_flight_error(other)


def _in_flight_error(intent: int | None) -> CommandRefused:
    return CommandRefused(
        f"another of its kind is under way (intent {intent}): it must be settled first",
        mend=f"see `margin-monitor actions show {intent}`",
    )
