"""What people send to the exchange by hand, beside a daemon or without one: recorded before it leaves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, func, insert, select, update

from monitor.core.intents import IN_FLIGHT, Intent, IntentState, IntentStep
from monitor.core.progress import abandoned
from monitor.errors import OrderRefused, StoreError
from monitor.store import intents as intent_rows
from monitor.store import operator, tables
from monitor.store.rows import intent_of

FIRST_BY_HAND = 1_000_000_000
"""Intents made by hand are numbered from here. A daemon counts from below in its own memory: they never meet."""

ABANDONED_AFTER = timedelta(minutes=2)
"""A sender that has not said by then what became of its order is gone: no request takes that long."""

CallState = Literal["sending", "accepted", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class ManualCall:
    """A change by hand that is neither a repayment nor a transfer in: recorded, but not settled by anybody.

    `symbol` and `asset` are empty where it has none. `in_way_of` is the kind of intent that it must not meet.
    """

    account: str
    function: str
    kind: str
    symbol: str
    asset: str
    parameters: Mapping[str, str | int | None]
    in_way_of: str = ""


def begin_intent(connection: Connection, intent: Intent, at: datetime) -> Intent:
    """The intent with the number it got, SUBMITTING: its order may be sent now, by this caller alone.

    Raises OrderRefused, and nothing is written, while actions are paused or one of its kind is under way.
    """
    _refuse_while_paused(connection)
    for forgotten in _forgotten(connection, at):
        moved = abandoned(forgotten, at, "its sender ended while sending")
        intent_rows.record(connection, moved.intent, moved.step)
    last = connection.execute(select(func.max(tables.intents.c.id))).scalar() or 0
    planned = replace(intent, id=max(last + 1, FIRST_BY_HAND), state=IntentState.PLANNED, created_at=at)
    intent_rows.write(
        connection, (planned,), (IntentStep(planned.id, None, IntentState.PLANNED, at, "ordered by hand"),)
    )
    if not intent_rows.claim(connection, planned, at, "sent by hand"):
        raise _in_the_way(connection, planned)
    operator.changed(connection)
    return replace(planned, state=IntentState.SUBMITTING, submitted_at=at)


def move_intent(connection: Connection, intent: Intent, step: IntentStep) -> bool:
    """Whether the intent took the step; False: a daemon was quicker."""
    taken = intent_rows.record(connection, intent, step)
    operator.changed(connection)
    return taken


def begin_call(connection: Connection, call: ManualCall, at: datetime, patience: timedelta) -> int:
    """The number of the call, which may be sent now.

    Raises OrderRefused, and nothing is written, while actions are paused, while an intent that it would meet is under
    way, or while the outcome of an equal call of less than `patience` ago is not known.
    """
    _refuse_while_paused(connection)
    table, planned = tables.manual_calls, tables.intents
    wanted = select(table.c.function, table.c.started_at).where(
        table.c.account == call.account,
        table.c.kind == call.kind,
        table.c.asset == call.asset,
        table.c.symbol == call.symbol,
        table.c.state.in_(("sending", "unknown")),
        table.c.started_at > at - patience,
    )
    if (open_call := connection.execute(wanted).first()) is not None:
        raise OrderRefused(
            f"what became of {open_call.function} at {open_call.started_at:%H:%M:%S} UTC is not known",
            mend=f"look at the exchange; it is allowed again at {open_call.started_at + patience:%H:%M:%S} UTC",
        )
    met = select(planned.c.id).where(
        planned.c.account == call.account,
        planned.c.kind == call.in_way_of,
        planned.c.state.in_(sorted(IN_FLIGHT)),
    )
    if (intent := connection.execute(met).scalar()) is not None:
        raise _under_way(intent)
    row = {
        "account": call.account,
        "function": call.function,
        "kind": call.kind,
        "symbol": call.symbol,
        "asset": call.asset,
        "parameters": json.dumps(dict(call.parameters), ensure_ascii=False),
        "started_at": at,
        "state": "sending",
    }
    key = connection.execute(insert(table), row).inserted_primary_key
    if key is None:
        raise StoreError("the database gave a call no number")
    number: int = key[0]
    return number


def end_call(
    connection: Connection, number: int, state: CallState, at: datetime, answer: str, code: int | None = None
) -> None:
    """What became of the call."""
    table = tables.manual_calls
    connection.execute(
        update(table).where(table.c.id == number).values(state=state, ended_at=at, answer=answer, code=code)
    )


def _refuse_while_paused(connection: Connection) -> None:
    if operator.is_paused(connection):
        raise OrderRefused("actions are paused: nothing is sent", mend="`margin-monitor actions resume` ends the pause")


def _forgotten(connection: Connection, now: datetime) -> list[Intent]:
    table = tables.intents
    rows = connection.execute(
        select(table).where(
            table.c.id >= FIRST_BY_HAND,
            table.c.state == IntentState.SUBMITTING,
            table.c.submitted_at < now - ABANDONED_AFTER,
        )
    )
    return [intent_of(row) for row in rows.mappings()]


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
