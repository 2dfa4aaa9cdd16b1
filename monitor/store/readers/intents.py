"""Intents with their steps, decisions and request logs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.model.intent import FINAL_STATES, Intent, IntentState, IntentStep
from monitor.core.model.order import RequestLog
from monitor.records.intents import IntentRow
from monitor.store.schema import tables
from monitor.store.schema.row_mapping import intent_from_row
from monitor.store.writes import audit

_MAX_PARAMETERS = 500

OPEN_STATES = sorted(frozenset(IntentState) - FINAL_STATES)


def read_intents(
    connection: Connection,
    *,
    include_final: bool = False,
    account: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> tuple[IntentRow, ...]:
    """Return intents, newest first: those not settled, or all.

    `since`: only those created, settled or open after that.
    """
    table = tables.intents
    wanted = select(table)
    if not include_final:
        wanted = wanted.where(table.c.state.in_(OPEN_STATES))
    if account is not None:
        wanted = wanted.where(table.c.account == account)
    if since is not None:
        # Queries of their own, each by its index: for one condition with OR the databases would read every intent.
        kinds = (table.c.created_at >= since, table.c.settled_at >= since, table.c.state.in_(OPEN_STATES))
        ids = {number for each in kinds for number in connection.execute(select(table.c.id).where(each)).scalars()}
        parts = [wanted.where(table.c.id.in_(part)) for part in _portions(sorted(ids))]
    elif limit is not None:
        parts = [wanted.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)]
    else:
        parts = [wanted]
    found = [intent_from_row(row) for part in parts for row in connection.execute(part).mappings()]
    found.sort(key=lambda intent: (intent.created_at, intent.id), reverse=True)
    return _with_steps(connection, found[:limit])


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Return the ids in portions, since a statement holds only so many parameters."""
    return (ids[start : start + _MAX_PARAMETERS] for start in range(0, len(ids), _MAX_PARAMETERS))


def read_intent(connection: Connection, intent: int) -> IntentRow | None:
    """Return one intent by its id; None if there is none."""
    rows = connection.execute(select(tables.intents).where(tables.intents.c.id == intent)).mappings()
    found = _with_steps(connection, [intent_from_row(row) for row in rows])
    return found[0] if found else None


def _with_steps(connection: Connection, intents: list[Intent]) -> tuple[IntentRow, ...]:
    steps: dict[int, list[IntentStep]] = defaultdict(list)
    told: dict[int, list[RequestLog | None]] = defaultdict(list)
    decided: dict[int, bool] = {}
    table, decisions = tables.intent_transitions, tables.decisions
    for ids in _portions([intent.id for intent in intents]):
        told |= audit.read_request_logs(connection, ids)
        for row in connection.execute(
            select(table).where(table.c.intent.in_(ids)).order_by(table.c.intent, table.c.seq)
        ):
            before = None if row.from_state is None else IntentState(row.from_state)
            steps[row.intent].append(IntentStep(row.intent, before, IntentState(row.to_state), row.at, row.note))
        rows = connection.execute(select(decisions.c.intent, decisions.c.approved).where(decisions.c.intent.in_(ids)))
        decided |= {row.intent: row.approved for row in rows}
    return tuple(
        IntentRow(intent, _with_request_logs(steps[intent.id], told[intent.id]), decided.get(intent.id))
        for intent in intents
    )


def _with_request_logs(steps: list[IntentStep], traces: list[RequestLog | None]) -> tuple[IntentStep, ...]:
    """Return the steps with the requests that led to them; steps older than the audit trail have none."""
    known = [None] * (len(steps) - len(traces)) + traces
    return tuple(replace(step, trace=trace) for step, trace in zip(steps, known, strict=True))
