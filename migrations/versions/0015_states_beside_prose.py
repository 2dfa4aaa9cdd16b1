"""What the evidence of an intent used to say by its first words stands in columns of its own."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

LATE, RESOLVED, STOPPED = "executed late: ", "resolved by ", "stopped: "


def upgrade() -> None:
    op.add_column("intents", sa.Column("executed_late", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("intents", sa.Column("resolved_by", sa.Text))
    op.add_column("intents", sa.Column("stopped_by_limit", sa.Boolean, nullable=False, server_default=sa.false()))
    connection = op.get_bind()
    intents, steps, audit = (
        sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)
        for name in ("intents", "intent_transitions", "audit")
    )
    known: dict[int, dict[str, Any]] = {}
    columns = intents.c
    for row in connection.execute(sa.select(columns.id, columns.state, columns.evidence).order_by(columns.id)):
        if row.state == "FAILED" and (row.evidence or "").startswith(LATE):
            known.setdefault(row.id, {})["executed_late"] = True
        if row.state == "EXPIRED" and (row.evidence or "").startswith(STOPPED):
            known.setdefault(row.id, {})["stopped_by_limit"] = True
    # The evidence of an order that was executed late no longer names who had settled it; its step does.
    resolving = sa.select(steps.c.intent, steps.c.note).where(steps.c.from_state == "UNRESOLVED").order_by(steps.c.seq)
    for step in connection.execute(resolving):
        if step.note.startswith(RESOLVED):
            by = step.note.removeprefix(RESOLVED).partition(": ")[0]
            known.setdefault(step.intent, {})["resolved_by"] = by
    for number, facts in sorted(known.items()):
        connection.execute(sa.update(intents).where(columns.id == number).values(facts))
        _seal(connection, audit, number, facts)


def _seal(connection: sa.Connection, audit: sa.Table, number: int, facts: dict[str, Any]) -> None:
    """Append to the trail what became known of an intent, if the trail has told of it before."""
    rows = sa.select(audit).where(audit.c.intent == number).order_by(audit.c.seq.desc())
    newest = next((found for row in connection.execute(rows) if (found := _intent_in(row.data)) is not None), None)
    if newest is None:
        return
    last = connection.execute(sa.select(audit).order_by(audit.c.seq.desc()).limit(1)).one()
    seq, written = (
        last.seq + 1,
        json.dumps({"intent": newest | facts}, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    )
    row = json.dumps([last.hash, seq, last.at, "amended", number, written], separators=(",", ":"))
    connection.execute(
        sa.insert(audit),
        {
            "seq": seq,
            "at": last.at,
            "kind": "amended",
            "intent": number,
            "data": written,
            "hash": hashlib.sha256(row.encode()).hexdigest(),
        },
    )


def _intent_in(written: str) -> dict[str, Any] | None:
    """What a row of the trail says of its intent; None where it says nothing, or was altered into no fact."""
    try:
        found = json.loads(written)["intent"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None
