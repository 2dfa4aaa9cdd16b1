"""The first schema: what was seen, judged, told, ordered and done."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
AMOUNT = sa.Numeric().with_variant(sa.Text(), "sqlite")
MOMENT = sa.BigInteger()

OPEN_ALERT = "state IN ('pending', 'firing')"
QUEUED = "state = 'queued'"
IN_FLIGHT = "state IN ('ACKNOWLEDGED', 'SUBMITTING', 'UNCERTAIN', 'UNRESOLVED')"

STEPS = {
    "PROPOSED": ("PLANNED", "REJECTED", "EXPIRED"),
    "PLANNED": ("SUBMITTING", "EXPIRED", "SIMULATED"),
    "SUBMITTING": ("ACKNOWLEDGED", "REFUSED", "UNCERTAIN"),
    "ACKNOWLEDGED": ("CONFIRMED", "FAILED", "UNRESOLVED"),
    "UNCERTAIN": ("CONFIRMED", "FAILED", "UNRESOLVED"),
    "UNRESOLVED": ("CONFIRMED", "FAILED"),
}

APPEND_ONLY = ("alert_transitions", "intent_transitions", "delivery_attempts")


def upgrade() -> None:
    _what_was_seen()
    _alerts()
    _telling()
    _orders_of_people()
    _intents()
    _the_daemon()
    if op.get_bind().dialect.name == "postgresql":
        _postgresql_triggers()
    else:
        _sqlite_triggers()
    op.execute("INSERT INTO control (id, changes, paused) VALUES (1, 1, false)")


def _what_was_seen() -> None:
    op.create_table(
        "events",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("event_time", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("rejected", sa.Text),
        sa.UniqueConstraint("key", name="uq_events_key"),
    )
    op.create_index("ix_events_received_at", "events", ["received_at"])
    op.create_table(
        "failures",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("read", sa.Text, nullable=False),
        sa.Column("scope", sa.Text),
        sa.Column("symbol", sa.Text),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("rejected", sa.Text),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("ix_failures_at", "failures", ["at"])
    op.create_table(
        "interest",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("raw_asset", sa.Text, nullable=False),
        sa.Column("principal", AMOUNT, nullable=False),
        sa.Column("interest", AMOUNT, nullable=False),
        sa.Column("daily_rate", AMOUNT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("tx_id", ID, nullable=False),
        sa.Column("charged_at", MOMENT, nullable=False),
        sa.UniqueConstraint("account", "symbol", "tx_id", "charged_at", "asset", "kind", name="uq_interest_charge"),
    )
    op.create_index("ix_interest_charged_at", "interest", ["charged_at"])
    op.create_table(
        "series",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.UniqueConstraint("account", "scope", "subject", "metric", name="uq_series"),
    )
    op.create_table(
        "samples",
        sa.Column("series", ID, sa.ForeignKey("series.id"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("value", AMOUNT),
        sa.Column("missing", sa.Text),
        sa.PrimaryKeyConstraint("series", "at"),
        sa.CheckConstraint("(value IS NULL) = (missing IS NOT NULL)", name="ck_samples_missing"),
        sa.CheckConstraint("missing IN ('infinite', 'unavailable')", name="ck_samples_kinds"),
        sqlite_with_rowid=False,
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("when", sa.Text, nullable=False),
        sa.Column("clear", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("value", AMOUNT),
        sa.Column("fired_at", MOMENT),
        sa.Column("resolved_at", MOMENT),
        sa.Column("unknown_since", MOMENT),
        sa.Column("pending_s", AMOUNT, nullable=False),
        sa.Column("clear_since", MOMENT),
        sa.Column("updated_at", MOMENT),
        sa.Column("notified_at", MOMENT),
        sa.Column("escalated", sa.Integer, nullable=False),
        sa.Column("acked_by", sa.Text),
        sa.Column("acked_at", MOMENT),
        sa.Column("ack_comment", sa.Text),
        sa.Column("silenced_by", ID),
        sa.Column("inhibited_by", ID),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'firing', 'resolved', 'inactive')", name="ck_alerts_state"),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name="ck_alerts_severity"),
    )
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["account"],
        sqlite_where=sa.text(OPEN_ALERT),
        postgresql_where=sa.text(OPEN_ALERT),
    )
    op.create_table(
        "alert_transitions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("alert", ID, sa.ForeignKey("alerts.id"), nullable=False),
        sa.Column("from_state", sa.Text),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("value", AMOUNT),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("ix_alert_transitions_alert", "alert_transitions", ["alert"])


def _telling() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", ID, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("alert", ID, sa.ForeignKey("alerts.id")),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("answer", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('queued', 'sent', 'failed', 'expired')", name="ck_deliveries_state"),
    )
    op.create_index("ix_deliveries_alert", "deliveries", ["alert"])
    op.create_index(
        "ix_deliveries_queued",
        "deliveries",
        ["channel", "next_at"],
        sqlite_where=sa.text(QUEUED),
        postgresql_where=sa.text(QUEUED),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("id", ID, primary_key=True),
        sa.Column("delivery", ID, sa.ForeignKey("deliveries.id"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("ix_delivery_attempts_delivery", "delivery_attempts", ["delivery"])
    op.create_table(
        "told",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("alert", ID, sa.ForeignKey("alerts.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("channel", "alert"),
    )


def _orders_of_people() -> None:
    op.create_table(
        "acks",
        sa.Column("id", ID, primary_key=True),
        sa.Column("alert", ID, sa.ForeignKey("alerts.id"), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
    )
    op.create_index("ix_acks_alert", "acks", ["alert"])
    op.create_table(
        "silences",
        sa.Column("id", ID, primary_key=True),
        sa.Column("matchers", sa.Text, nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("include_critical", sa.Boolean, nullable=False),
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])
    op.create_table(
        "drills",
        sa.Column("id", ID, primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT),
        sa.Column("outcome", sa.Text),
    )
    op.create_table(
        "control",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("changes", ID, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("paused_by", sa.Text),
        sa.Column("paused_at", MOMENT),
        sa.CheckConstraint("id = 1", name="ck_control_one_row"),
    )


def _intents() -> None:
    op.create_table(
        "intents",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("plan", ID),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("order_type", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("amount_usdt", AMOUNT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("alert", ID, sa.ForeignKey("alerts.id")),
        sa.Column("reason", sa.Text),
        sa.Column("level_before", AMOUNT),
        sa.Column("level_after", AMOUNT),
        sa.Column("submitted_at", MOMENT),
        sa.Column("settled_at", MOMENT),
        sa.Column("owed_before", AMOUNT),
        sa.Column("free_before", AMOUNT),
        sa.Column("source_before", AMOUNT),
        sa.Column("ref", sa.Text),
        sa.Column("evidence", sa.Text),
        sa.Column("expires_at", MOMENT),
        sa.Column("refused_code", sa.Integer),
        sa.Column("refused_transiently", sa.Boolean, nullable=False),
    )
    op.create_index(
        "uq_intents_in_flight",
        "intents",
        ["account", "scope", "symbol", "kind", "asset"],
        unique=True,
        sqlite_where=sa.text(IN_FLIGHT),
        postgresql_where=sa.text(IN_FLIGHT),
    )
    op.create_index("ix_intents_created_at", "intents", ["created_at"])
    op.create_table(
        "intent_transitions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("intent", ID, sa.ForeignKey("intents.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("from_state", sa.Text),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("intent", "seq", name="uq_intent_transitions"),
        sa.CheckConstraint(_legal("from_state", "to_state", born=True), name="ck_intent_transitions_legal"),
    )
    op.create_table(
        "decisions",
        sa.Column("intent", ID, sa.ForeignKey("intents.id"), primary_key=True, autoincrement=False),
        sa.Column("approved", sa.Boolean, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )


def _the_daemon() -> None:
    op.create_table(
        "live",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "daemon",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_daemon_one_row"),
    )


def _sqlite_triggers() -> None:
    for table in APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    op.execute(
        "CREATE TRIGGER intents_legal BEFORE UPDATE OF state ON intents "
        f"WHEN NOT (OLD.state = NEW.state OR {_legal('OLD.state', 'NEW.state')}) "
        "BEGIN SELECT RAISE(ABORT, 'an intent cannot go that way'); END"
    )


def _postgresql_triggers() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation'; END$$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE FUNCTION refuse_illegal_step() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'an intent cannot go from % to %', OLD.state, NEW.state "
        "USING ERRCODE = 'check_violation'; END$$"
    )
    op.execute(
        "CREATE TRIGGER intents_legal BEFORE UPDATE OF state ON intents FOR EACH ROW "
        f"WHEN (NOT (OLD.state = NEW.state OR {_legal('OLD.state', 'NEW.state')})) "
        "EXECUTE FUNCTION refuse_illegal_step()"
    )


def _legal(start: str, end: str, *, born: bool = False) -> str:
    edges = [f"({start} IS NULL AND {end} IN ('PLANNED', 'PROPOSED'))"] if born else []
    for state, following in STEPS.items():
        listed = ", ".join(f"'{name}'" for name in sorted(following))
        edges.append(f"({start} IS NOT NULL AND {start} = '{state}' AND {end} IN ({listed}))")
    return " OR ".join(edges)
