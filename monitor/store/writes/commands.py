"""Commands of people: written by any process, with or without a daemon, and read by the daemon every second."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, and_, insert, or_, select, update

from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.alert import Silence
from monitor.core.model.events import CommandsRead
from monitor.core.model.intent import Intent, IntentState
from monitor.errors import CommandRefused, RecordNotFound, StoreError
from monitor.store.commands_in_force import (
    OPEN_ALERT_STATES,
    is_paused,
    read_newest_acks,
    read_rule_stops,
    read_silences,
)
from monitor.store.db.prepared_statements import upsert
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import intent_from_row
from monitor.store.schema.silence_rows import row_from_silence, silence_from_row
from monitor.store.writes import audit, journal, rule_stops
from monitor.store.writes import intents as intent_rows
from monitor.store.writes.change_counter import bump_change_counter
from monitor.store.writes.pause_switch import set_paused as set_paused

if TYPE_CHECKING:
    from monitor.core.alerting.drill import Drill


@dataclass(frozen=True, slots=True)
class Commands:
    """All commands of people, as of `change_number`.

    `settled_intents` are the intents that left UNRESOLVED in the last 24 hours, by a person or by late evidence, and
    the manual ones created in that time.
    """

    change_number: int
    event: CommandsRead
    drills: "tuple[Drill, ...]"
    settled_intents: tuple[Intent, ...]


def read_commands(connection: Connection, now: datetime, since: int | None = None) -> Commands | None:
    """Return all commands in force at `now`; None without changes after number `since` (one short read)."""
    table = tables.control
    row = connection.execute(select(table.c.changes, table.c.paused).where(table.c.id == 1)).one()
    if row.changes == since:
        return None
    read = CommandsRead(
        acks=tuple(read_newest_acks(connection).values()),
        silences=read_silences(connection, now),
        ended_silences=_read_ended_silences(connection, now),
        paused=row.paused,
        decisions=_read_decisions(connection),
        asked_at=_read_asked(connection, now),
        stopped_rules=read_rule_stops(connection, now),
    )
    return Commands(row.changes, read, _read_open_drills(connection), _read_settled(connection, now))


def acknowledge(connection: Connection, alert: int, by: str, comment: str, at: datetime) -> None:
    """Acknowledge the alert for a person. Raises CommandRefused when it is not open."""
    table = tables.alerts
    state = connection.execute(select(table.c.state).where(table.c.id == alert)).scalar()
    if state is None:
        raise RecordNotFound(f"there is no alert #{alert}", mend="`margin-monitor alerts` lists them")
    if state not in OPEN_ALERT_STATES:
        raise CommandRefused(f"alert #{alert} is {state} already")
    connection.execute(insert(tables.acks), {"alert": alert, "by": by, "at": at, "comment": comment})
    bump_change_counter(connection)


def add_silence(connection: Connection, silence: Silence) -> Silence:
    """Add the silence and return it with the id that it got. Its own id does not matter."""
    key = connection.execute(insert(tables.silences), row_from_silence(silence)).inserted_primary_key
    if key is None:
        raise StoreError("the database gave a silence no number")
    bump_change_counter(connection)
    return replace(silence, id=key[0])


def expire_silence(connection: Connection, silence: int, at: datetime) -> None:
    """End the silence now. Raises CommandRefused when there is none, or it is over already."""
    table = tables.silences
    ends_at = connection.execute(select(table.c.ends_at).where(table.c.id == silence)).scalar()
    if ends_at is None:
        raise RecordNotFound(f"there is no silence {silence}", mend="`margin-monitor silence list` lists them")
    if ends_at <= at:
        raise CommandRefused(f"silence {silence} is over already")
    connection.execute(update(table).where(table.c.id == silence).values(ends_at=at))
    bump_change_counter(connection)


def _read_ended_silences(connection: Connection, now: datetime) -> tuple[Silence, ...]:
    """Return the silences that are over, and whose end the daemon may not have notified yet."""
    table, alerts = tables.silences, tables.alerts
    last_quiet = select(alerts.c.kept_quiet_by).where(tables.is_open_alert, alerts.c.kept_quiet_by.is_not(None))
    wanted = select(table).where(table.c.ends_at <= now, table.c.id.in_(last_quiet)).order_by(table.c.id)
    return tuple(silence_from_row(row) for row in connection.execute(wanted).mappings())


def resume_actions(connection: Connection, by: str, at: datetime) -> tuple[bool, tuple[RuleStop, ...]]:
    """Resume all actions; return whether that ended a pause, and the rule stops that it lifted."""
    return set_paused(connection, False, by, at), rule_stops.lift_rule_stops(connection, by, at)


def read_pause_and_state(connection: Connection, intent: int | None) -> tuple[bool, IntentState | None]:
    """Return whether actions are paused, and the state of the intent; None: there is none with that id."""
    table = tables.intents
    state = connection.execute(select(table.c.state).where(table.c.id == intent)).scalar()
    return is_paused(connection), None if state is None else IntentState(state)


def decide_proposal(connection: Connection, intent: int, approved: bool, by: str, at: datetime) -> None:
    """Approve or reject a proposed intent for a person; the daemon carries that out.

    Raises CommandRefused when it is not PROPOSED any more, too late, or rejected before (a rejection is final).
    """
    found = _find_intent(connection, intent)
    if found.state is not IntentState.PROPOSED:
        raise CommandRefused(f"intent {intent} is {found.state}, only a PROPOSED one can be approved or rejected")
    if approved and found.expires_at is not None and found.expires_at <= at:
        raise CommandRefused(f"intent {intent} has waited too long for approval")
    table = tables.decisions
    before = connection.execute(select(table.c.approved).where(table.c.intent == intent)).scalar()
    if before is False and approved:
        raise CommandRefused(f"intent {intent} was rejected already")
    row = {"intent": intent, "approved": approved, "by": by, "at": at}
    connection.execute(upsert(table, connection.dialect, ("intent",)), row)
    audit.append_command(connection, "decision", intent, at, {"approved": approved, "by": by})
    bump_change_counter(connection)


def resolve_intent(
    connection: Connection,
    intent: int,
    outcome: Literal[IntentState.CONFIRMED, IntentState.FAILED],
    by: str,
    comment: str,
    at: datetime,
    channels: tuple[str, ...],
) -> Intent:
    """Settle the intent as a person says, with notices to `channels`. Raises CommandRefused unless UNRESOLVED."""
    found = _find_intent(connection, intent)
    if found.state is not IntentState.UNRESOLVED:
        raise CommandRefused(f"intent {intent} is {found.state}, only an UNRESOLVED one can be resolved by hand")
    # Loaded for this command alone: whoever reads alerts loads this module, too.
    from monitor.core.settlement.notices import intent_notices
    from monitor.core.settlement.transitions import settle_by_person

    moved = settle_by_person(found, outcome, by, comment, at)
    if not journal.record_step_of_person(
        connection, moved.intent, moved.step, intent_notices([moved.intent], channels, at)
    ):
        raise CommandRefused(f"intent {intent} has just been settled otherwise")
    bump_change_counter(connection)
    return moved.intent


def request_drill(connection: Connection, rule: str, by: str, at: datetime) -> int:
    """Request a drill from the daemon and return its id; see `read_drill` for its outcome."""
    key = connection.execute(insert(tables.drills), {"rule": rule, "by": by, "requested_at": at}).inserted_primary_key
    if key is None:
        raise StoreError("the database gave a drill no number")
    bump_change_counter(connection)
    drill: int = key[0]
    return drill


def finish_drill(connection: Connection, drill: int, at: datetime, outcome: str) -> None:
    """Save the outcome of a drill, or why it was not carried out."""
    table = tables.drills
    connection.execute(
        update(table).where(table.c.id == drill, table.c.done_at.is_(None)).values(done_at=at, outcome=outcome)
    )


def read_drill(connection: Connection, drill: int) -> "Drill | None":
    """Return the drill as it is now; None if there is none with that id."""
    from monitor.core.alerting.drill import Drill

    row = connection.execute(select(tables.drills).where(tables.drills.c.id == drill)).mappings().first()
    return None if row is None else Drill(**row)


def _find_intent(connection: Connection, intent: int) -> Intent:
    found = intent_rows.find_intent(connection, intent)
    if found is None:
        raise RecordNotFound(f"there is no intent {intent}", mend="`margin-monitor actions --all` lists them")
    return found


def _read_decisions(connection: Connection) -> Mapping[int, bool]:
    table = tables.decisions
    rows = connection.execute(
        select(table.c.intent, table.c.approved)
        .join(tables.intents, tables.intents.c.id == table.c.intent)
        .where(tables.intents.c.state == IntentState.PROPOSED)
    )
    return {row.intent: row.approved for row in rows}


def _read_asked(connection: Connection, now: datetime) -> Mapping[int, datetime]:
    """Return when a channel first sent each proposal that is open, or that expired in the last 24 hours."""
    table = tables.intents
    ran_out = and_(table.c.state == IntentState.EXPIRED, table.c.settled_at >= now - timedelta(hours=24))
    wanted = select(table.c.id, table.c.asked_at).where(
        table.c.asked_at.is_not(None), or_(table.c.state == IntentState.PROPOSED, ran_out)
    )
    return {row.id: row.asked_at for row in connection.execute(wanted)}


def _read_open_drills(connection: Connection) -> "tuple[Drill, ...]":
    from monitor.core.alerting.drill import Drill

    table = tables.drills
    rows: Any = connection.execute(select(table).where(table.c.done_at.is_(None)).order_by(table.c.id)).mappings()
    return tuple(Drill(**row) for row in rows)


def _read_settled(connection: Connection, now: datetime) -> tuple[Intent, ...]:
    table, steps = tables.intents, tables.intent_transitions
    settled = select(steps.c.intent).where(
        steps.c.from_state == IntentState.UNRESOLVED, steps.c.at >= now - timedelta(hours=24)
    )
    by_hand = and_(table.c.mode == "manual", table.c.created_at >= now - timedelta(hours=24))
    wanted = select(table).where(or_(table.c.id.in_(settled), by_hand)).order_by(table.c.id)
    rows = connection.execute(wanted).mappings()
    return tuple(intent_from_row(row) for row in rows)
