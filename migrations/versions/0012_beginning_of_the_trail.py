"""The trail has a first row that says what it does not vouch for: where it is missing, the trail was emptied."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    connection = op.get_bind()
    audit, intents, steps = (
        sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)
        for name in ("audit", "intents", "intent_transitions")
    )
    seq, before, sealed_at, born = 0, "", 0, set()
    for row in connection.execute(sa.select(audit).order_by(audit.c.seq)):
        seq, before, sealed_at = row.seq, row.hash, row.at
        if row.kind == "step" and json.loads(row.data).get("from") is None:
            born.add(row.intent)
    known = set(connection.execute(sa.select(intents.c.id)).scalars())
    newest = connection.execute(sa.select(sa.func.max(steps.c.at))).scalar() or 0
    seq, at = seq + 1, max(sealed_at, newest)
    written = json.dumps({"older": sorted(known - born)}, separators=(",", ":"))
    sealed = json.dumps([before, seq, at, "begun", None, written], separators=(",", ":"))
    row_of_beginning = {"seq": seq, "at": at, "kind": "begun", "intent": None, "data": written}
    connection.execute(sa.insert(audit), {**row_of_beginning, "hash": hashlib.sha256(sealed.encode()).hexdigest()})
