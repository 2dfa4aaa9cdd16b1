"""The audit trail of every step that concerns money: append-only, sealed by a hash chain.

One row of the kind `begun` is written with the schema. It names the intents that are older than the trail.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from sqlalchemy import Connection, insert, select, text

from monitor.core.model.intent import Intent, IntentStep
from monitor.core.model.order import RequestLog
from monitor.core.numbers.amounts import format_decimal
from monitor.store.schema import tables
from monitor.store.schema.columns import to_milliseconds
from monitor.store.schema.row_mapping import intent_from_row, row_from_intent

P = ParamSpec("P")
T = TypeVar("T")

_StepRow = tuple[Any, ...]
"""A step in the form of both tables: from, to, when, note."""

AuditKind = Literal["step", "amended", "decision", "pause", "stop"]

_GENESIS_KIND = "begun"

_BATCH_ROWS = 1000
_LOCK_KEY = 7_205_759_403_792_794
"""The PostgreSQL advisory lock of an append, so that two processes never seal the same number."""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest row of the trail: compared later, it shows whether rows were cut off."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """An alteration, removal or move. `seq` is the row of the trail where it shows."""

    seq: int | None
    message: str


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The result of a check of the whole trail. `head` is None where there is no row."""

    rows: int
    head: AuditHead | None
    problems: tuple[AuditProblem, ...]
    older_intents: int
    """The number of intents that are older than the trail and not in it."""


def append_step(connection: Connection, step: IntentStep) -> None:
    """Seal a step of an intent with all its stored fields: before, decision, evidence, after.

    The request to the exchange and its answer are sealed too, where they led to the step.
    """
    facts: dict[str, Any] = {
        "from": step.from_state,
        "to": step.to_state,
        "note": step.note,
        "intent": _current_facts(connection, step.intent),
    }
    if step.trace is not None:
        facts |= {"request": step.trace.request, "answer": step.trace.answer}
    _append(connection, "step", step.intent, step.at, facts)


def append_amendment(connection: Connection, intent: int, at: datetime) -> None:
    """Seal new facts about an intent that stays in its state."""
    _append(connection, "amended", intent, at, {"intent": _current_facts(connection, intent)})


def append_command(
    connection: Connection, kind: AuditKind, intent: int | None, at: datetime, facts: Mapping[str, Any]
) -> None:
    """Seal a command of a person."""
    _append(connection, kind, intent, at, facts)


def read_head(connection: Connection) -> AuditHead | None:
    """Return the newest row; None while there is none."""
    table = tables.audit
    row = connection.execute(select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)).first()
    return None if row is None else AuditHead(row.seq, row.hash)


def run_with_head(
    connection: Connection, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> tuple[T, AuditHead | None]:
    """Return the result of `unit` and the head of the trail after it."""
    return unit(connection, *args, **kwargs), read_head(connection)


def read_request_logs(connection: Connection, intents: Sequence[int]) -> Mapping[int, list[RequestLog | None]]:
    """Return, by intent, request and answer of each of its steps, oldest first; None for a step without a request."""
    table = tables.audit
    wanted = select(table.c.intent, table.c.data).where(table.c.intent.in_(intents), table.c.kind == "step")
    found: dict[int, list[RequestLog | None]] = {}
    for row in connection.execute(wanted.order_by(table.c.seq)):
        facts = _parse_facts(row.data)
        trace = RequestLog(facts["request"], facts["answer"]) if "request" in facts and "answer" in facts else None
        found.setdefault(row.intent, []).append(trace)
    return found


def verify_trail(connection: Connection, known_head: AuditHead | None = None) -> AuditResult:
    """Check the whole trail against itself, against the intents, and against a head noted earlier.

    Any row that was altered, removed or moved is found, and so is a trail that was emptied or begun anew; rows cut off
    at the end only with `known_head`.
    """
    flaws: list[AuditProblem] = []
    last = AuditHead(0, "")
    older: frozenset[int] | None = None
    newest: dict[int, Mapping[str, Any]] = {}
    steps: dict[int, list[_StepRow]] = {}
    is_known = known_head is None
    for row in _read_rows(connection):
        if row.seq != last.seq + 1:
            flaws.append(AuditProblem(row.seq, f"rows {last.seq + 1} to {row.seq - 1} are gone"))
        elif row.hash != _seal(last.hash, row.seq, row.at, row.kind, row.intent, row.data):
            flaws.append(
                AuditProblem(row.seq, "this row was altered, or is not the one that followed the row before it")
            )
        last = AuditHead(row.seq, row.hash)
        is_known = is_known or last == known_head
        facts = _parse_facts(row.data)
        if row.kind == _GENESIS_KIND:
            if older is not None:
                flaws.append(AuditProblem(row.seq, "the trail begins a second time"))
            older = older or _intents_before_trail(facts)
        if row.intent is not None and "intent" in facts:
            newest[row.intent] = facts["intent"]
        if row.kind == "step" and row.intent is not None:
            told = (facts.get("from"), facts.get("to"), to_milliseconds(row.at), facts.get("note"))
            steps.setdefault(row.intent, []).append(told)
    if not is_known:
        flaws.append(
            AuditProblem(None, f"the known head {known_head} is not in the trail: its end was cut off or replaced")
        )
    if older is None:
        flaws.append(AuditProblem(None, "the row that the trail begins with is gone: it was emptied, or begun anew"))
    against, uncovered = _compare_with_intents(connection, newest, steps, older or frozenset())
    return AuditResult(last.seq, last if last.seq else None, (*flaws, *against), uncovered)


def _current_facts(connection: Connection, intent: int) -> dict[str, Any]:
    rows = connection.execute(select(tables.intents).where(tables.intents.c.id == intent)).mappings()
    return _intent_facts(intent_from_row(rows.one()))


def _append(
    connection: Connection, kind: AuditKind, intent: int | None, at: datetime, facts: Mapping[str, Any]
) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    last = read_head(connection) or AuditHead(0, "")
    written = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    seq = last.seq + 1
    row = {
        "seq": seq,
        "at": at,
        "kind": kind,
        "intent": intent,
        "data": written,
        "hash": _seal(last.hash, seq, at, kind, intent, written),
    }
    connection.execute(insert(tables.audit), row)


def _seal(before: str, seq: int, at: datetime, kind: str, intent: int | None, written: str) -> str:
    sealed = json.dumps([before, seq, to_milliseconds(at), kind, intent, written], separators=(",", ":"))
    return hashlib.sha256(sealed.encode()).hexdigest()


def _read_rows(connection: Connection) -> Iterator[Any]:
    table = tables.audit
    after = 0
    while True:
        rows = connection.execute(
            select(table).where(table.c.seq > after).order_by(table.c.seq).limit(_BATCH_ROWS)
        ).all()
        yield from rows
        if len(rows) < _BATCH_ROWS:
            return
        after = rows[-1].seq


def _compare_with_intents(
    connection: Connection,
    newest: Mapping[int, Mapping[str, Any]],
    steps: Mapping[int, list[_StepRow]],
    older: frozenset[int],
) -> tuple[list[AuditProblem], int]:
    """Return the differences between intents and trail, and the number of intents older than the trail."""
    table, transitions = tables.intents, tables.intent_transitions
    told: dict[int, list[_StepRow]] = {}
    for row in connection.execute(select(transitions).order_by(transitions.c.intent, transitions.c.seq)):
        told.setdefault(row.intent, []).append((row.from_state, row.to_state, to_milliseconds(row.at), row.note))
    flaws: list[AuditProblem] = []
    uncovered = 0
    present: set[int] = set()
    for stored in connection.execute(select(table).order_by(table.c.id)).mappings():
        intent = intent_from_row(stored)
        present.add(intent.id)
        if intent.id not in newest:
            if intent.id in older:
                uncovered += 1
            else:
                flaws.append(AuditProblem(None, f"intent {intent.id} has no row in the trail"))
            continue
        if _without_defaults(_intent_facts(intent)) != _without_defaults(newest[intent.id]):
            flaws.append(AuditProblem(None, f"intent {intent.id} does not stand as the trail says"))
        sealed, seen = steps.get(intent.id, []), told.get(intent.id, [])
        # The first steps of an intent older than the trail are not in it.
        if seen != sealed and not (intent.id in older and seen[len(seen) - len(sealed) :] == sealed):
            flaws.append(AuditProblem(None, f"the steps of intent {intent.id} are not those of the trail"))
    flaws += [AuditProblem(None, f"intent {number} is gone") for number in sorted(newest.keys() - present)]
    return flaws, uncovered


def _parse_facts(written: str) -> Mapping[str, Any]:
    """Return the facts of a row; none where it was altered into something else."""
    try:
        facts = json.loads(written)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _intents_before_trail(facts: Mapping[str, Any]) -> frozenset[int]:
    """Return the intents that the first row of the trail names as older than it."""
    named = facts.get("older")
    return frozenset(named) if isinstance(named, list) else frozenset()


def _intent_facts(intent: Intent) -> dict[str, Any]:
    """Return all stored fields of an intent, in the one form that both databases return."""
    return {name: canonical_value(value) for name, value in row_from_intent(intent).items()}


def _without_defaults(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts without null and false: a row sealed by an older version lacks later columns.

    In a later column false means the same as null: where a migration set another value, it sealed that.
    """
    return {name: value for name, value in facts.items() if value is not None and value is not False}


def canonical_value(value: Any) -> Any:
    """Return a stored value as the trail seals it."""
    match value:
        case Decimal():
            return format_decimal(value.normalize()) if value.is_finite() else str(value)
        case datetime():
            return to_milliseconds(value)
        case StrEnum():
            return value.value
        case _:
            return value
