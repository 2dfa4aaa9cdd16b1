"""What people send to the exchange by hand, beside a daemon or without one: recorded before it leaves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from monitor.core.model.intent import IN_FLIGHT, Intent, IntentState, IntentStep
from monitor.core.model.order import Outcome
from monitor.core.settlement.observation import Unresolved
from monitor.core.settlement.transitions import Moved, answered_by_name, given_up, is_abandoned, judged
from monitor.errors import OrderRefused, StoreError
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import intent_of
from monitor.store.writes import commands
from monitor.store.writes import intents as intent_rows
from monitor.store.writes.change_counter import note_change
from monitor.store.writes.id_allocation import FIRST_BY_HAND, first_number

_OPEN = (IntentState.SUBMITTING, IntentState.ACKNOWLEDGED, IntentState.UNCERTAIN)


def begin_intent(connection: Connection, intent: Intent, at: datetime, meets: str = "") -> Intent:
    """The intent with the number it got, SUBMITTING: its order may be sent now, by this caller alone.

    A `submitted_at` that it has is kept: that is the exchange's time. `meets` is another kind of intent that it must
    not be under way beside. Raises OrderRefused, and nothing is written, while actions are paused or one of its kind is
    under way.
    """
    _refuse_while_paused(connection)
    last = connection.execute(select(func.max(tables.intents.c.id))).scalar() or 0
    least = FIRST_BY_HAND - 1 + first_number(connection, at)
    planned = replace(intent, id=max(last + 1, least), state=IntentState.PLANNED, created_at=at)
    if meets and (met := _in_flight(connection, planned.account, meets)) is not None:
        raise _under_way(met)
    born = IntentStep(planned.id, None, IntentState.PLANNED, at, "ordered by hand")
    intent_rows.write(connection, (planned,), (born,), at)
    if not intent_rows.claim(connection, planned, at, "sent by hand"):
        raise _in_the_way(connection, planned)
    note_change(connection)
    return replace(planned, state=IntentState.SUBMITTING, submitted_at=planned.submitted_at or at)


def move_intent(connection: Connection, intent: Intent, step: IntentStep) -> bool:
    """Whether the intent took the step; False: a daemon was quicker."""
    taken = intent_rows.record(connection, intent, step)
    note_change(connection)
    return taken


def end_by_name(connection: Connection, intent: int, outcome: Outcome, at: datetime) -> Intent:
    """The intent of a change by name, settled by the answer, or UNRESOLVED where there was none to believe.

    Raises StoreError when there is no such intent.
    """
    found = intent_rows.read(connection, intent)
    if found is None:
        raise StoreError(f"intent {intent} is gone")
    return _take(connection, found, answered_by_name(found, outcome, at))


def give_up_lost(connection: Connection, at: datetime, patience: timedelta) -> None:
    """Settles as far as it can be what earlier commands left open where no daemon runs that would.

    A sender that is gone leaves its order in doubt; what is in doubt for longer than `patience` becomes a person's.
    """
    table = tables.intents
    rows = connection.execute(select(table).where(table.c.id >= FIRST_BY_HAND, table.c.state.in_(_OPEN)))
    for intent in [intent_of(row) for row in rows.mappings()]:
        if intent.state is IntentState.SUBMITTING:
            if is_abandoned(intent, at):
                _take(connection, intent, given_up(intent, at))
        elif at - (intent.submitted_at or intent.created_at) > patience:
            asked = judged(intent, Unresolved(intent.evidence or "nobody could look into it"), at)
            _take(connection, intent, () if asked is None else (asked,))


def _take(connection: Connection, intent: Intent, moves: Sequence[Moved]) -> Intent:
    for moved in moves:
        if not intent_rows.record(connection, moved.intent, moved.step):
            break
        intent = moved.intent
    note_change(connection)
    return intent


def _refuse_while_paused(connection: Connection) -> None:
    if commands.is_paused(connection):
        raise OrderRefused("actions are paused: nothing is sent", mend="`margin-monitor actions resume` ends the pause")


def _in_flight(connection: Connection, account: str, kind: str) -> int | None:
    table = tables.intents
    return connection.execute(
        select(table.c.id).where(table.c.account == account, table.c.kind == kind, table.c.state.in_(sorted(IN_FLIGHT)))
    ).scalar()


def _in_the_way(connection: Connection, planned: Intent) -> OrderRefused:
    table = tables.intents
    other = connection.execute(
        select(table.c.id).where(
            table.c.account == planned.account,
            table.c.scope == planned.scope.kind,
            table.c.symbol == planned.scope.symbol,
            table.c.kind == planned.kind,
            table.c.asset == planned.asset,
            table.c.state.in_(sorted(IN_FLIGHT)),
        )
    ).scalar()
    return _under_way(other)


def _under_way(intent: int | None) -> OrderRefused:
    return OrderRefused(
        f"another of its kind is under way (intent {intent}): it must be settled first",
        mend=f"see `margin-monitor actions show {intent}`",
    )
