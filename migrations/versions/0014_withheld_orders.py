"""An order that its sender withheld after the claim expires: only one that was never sent may."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

EDGES = {
    "PROPOSED": ("EXPIRED", "PLANNED", "REJECTED"),
    "PLANNED": ("EXPIRED", "SIMULATED", "SUBMITTING"),
    "SUBMITTING": ("ACKNOWLEDGED", "EXPIRED", "REFUSED", "UNCERTAIN"),
    "ACKNOWLEDGED": ("CONFIRMED", "FAILED", "UNRESOLVED"),
    "UNCERTAIN": ("CONFIRMED", "FAILED", "UNRESOLVED"),
    "UNRESOLVED": ("CONFIRMED", "FAILED"),
}
BIRTH = "(from_state IS NULL AND to_state IN ('PLANNED', 'PROPOSED'))"
SENT = (
    "NEW.from_state = 'SUBMITTING' AND NEW.to_state = 'EXPIRED' "
    "AND (SELECT submitted_at FROM intents WHERE id = NEW.intent) IS NOT NULL"
)
WORDS = "what was sent does not expire"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_intent_transitions_legal", "intent_transitions")
        op.create_check_constraint(
            "ck_intent_transitions_legal", "intent_transitions", f"{BIRTH} OR {_legal('from_state', 'to_state')}"
        )
        op.execute("DROP TRIGGER intents_legal ON intents")
        op.execute(
            f"CREATE TRIGGER intents_legal BEFORE UPDATE OF state ON intents FOR EACH ROW WHEN ({_illegal()}) "
            "EXECUTE FUNCTION refuse_illegal_step()"
        )
        op.execute(
            "CREATE FUNCTION refuse_expiry() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN IF {SENT} THEN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'check_violation'; END IF; "
            "RETURN NEW; END$$"
        )
        op.execute(
            "CREATE TRIGGER intent_transitions_unsent BEFORE INSERT ON intent_transitions "
            "FOR EACH ROW EXECUTE FUNCTION refuse_expiry()"
        )
        return
    _rebuild()
    op.execute("DROP TRIGGER intents_legal")
    op.execute(
        f"CREATE TRIGGER intents_legal BEFORE UPDATE OF state ON intents WHEN {_illegal()} "
        "BEGIN SELECT RAISE(ABORT, 'an intent cannot go that way'); END"
    )
    op.execute(
        f"CREATE TRIGGER intent_transitions_unsent BEFORE INSERT ON intent_transitions WHEN {SENT} "
        f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    )


def _rebuild() -> None:
    """SQLite changes no CHECK in place: the rows move into a new table, and what guards it is laid on again."""
    connection = op.get_bind()
    guards = connection.execute(
        sa.text(
            "SELECT name, sql FROM sqlite_master "
            "WHERE type = 'trigger' AND sql IS NOT NULL AND sql LIKE '%intent_transitions%' ORDER BY rowid"
        )
    ).all()
    for name, _ in guards:
        op.execute(f"DROP TRIGGER {name}")
    op.create_table(
        "intent_transitions_new",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("intent", sa.Integer, sa.ForeignKey("intents.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("from_state", sa.Text),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("intent", "seq", name="uq_intent_transitions"),
        sa.CheckConstraint(f"{BIRTH} OR {_legal('from_state', 'to_state')}", name="ck_intent_transitions_legal"),
    )
    columns = "id, intent, seq, from_state, to_state, at, note"
    op.execute(f"INSERT INTO intent_transitions_new ({columns}) SELECT {columns} FROM intent_transitions")
    op.drop_table("intent_transitions")
    op.rename_table("intent_transitions_new", "intent_transitions")
    for _, sql in guards:
        connection.exec_driver_sql(sql)


def _illegal() -> str:
    return f"NOT (OLD.state = NEW.state OR {_legal('OLD.state', 'NEW.state')})"


def _legal(start: str, end: str) -> str:
    edges = []
    for state, ends in EDGES.items():
        listed = ", ".join(f"'{one}'" for one in ends)
        edges.append(f"({start} IS NOT NULL AND {start} = '{state}' AND {end} IN ({listed}))")
    return " OR ".join(edges)
