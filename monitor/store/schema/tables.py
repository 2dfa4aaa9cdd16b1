"""Every table, as the newest migration leaves it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)

from monitor.store.schema.activity_tables import movements as movements
from monitor.store.schema.activity_tables import terms as terms
from monitor.store.schema.audit_tables import audit as audit
from monitor.store.schema.audit_tables import decisions as decisions
from monitor.store.schema.audit_tables import rule_stops as rule_stops
from monitor.store.schema.columns import AmountType, Id, TimestampType, partial_index
from monitor.store.schema.columns import metadata as metadata
from monitor.store.schema.command_tables import acks as acks
from monitor.store.schema.command_tables import drills as drills
from monitor.store.schema.command_tables import silences as silences
from monitor.store.schema.coverage_tables import found as found
from monitor.store.schema.coverage_tables import records as records
from monitor.store.schema.daemon_tables import bans as bans
from monitor.store.schema.daemon_tables import commits as commits
from monitor.store.schema.daemon_tables import daemon as daemon
from monitor.store.schema.daemon_tables import daemons as daemons
from monitor.store.schema.daemon_tables import leases as leases
from monitor.store.schema.daemon_tables import live as live
from monitor.store.schema.daemon_tables import owners as owners
from monitor.store.schema.daemon_tables import reports as reports
from monitor.store.schema.daemon_tables import runs as runs
from monitor.store.schema.intent_checks import in_flight_where, legal_steps_check
from monitor.store.schema.price_tables import price_bars as price_bars
from monitor.store.schema.price_tables import price_routes as price_routes
from monitor.store.schema.price_tables import price_series as price_series
from monitor.store.schema.reply_tables import channel_messages as channel_messages
from monitor.store.schema.reply_tables import presses as presses
from monitor.store.schema.reply_tables import update_offsets as update_offsets

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("event_time", TimestampType, nullable=False),
    Column("received_at", TimestampType, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("rejected", Text),
    UniqueConstraint("key", name="uq_events_key"),
    Index("ix_events_received_at", "received_at"),
)

failures = Table(
    "failures",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("read", Text, nullable=False),
    Column("scope", Text),
    Column("symbol", Text),
    Column("at", TimestampType, nullable=False),
    Column("cause", Text, nullable=False),
    Column("rejected", Text),
    Column("payload", Text, nullable=False),
    Index("ix_failures_at", "at"),
)

interest = Table(
    "interest",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("raw_asset", Text, nullable=False),
    Column("principal", AmountType, nullable=False),
    Column("interest", AmountType, nullable=False),
    Column("daily_rate", AmountType, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tx_id", Id, nullable=False),
    Column("charged_at", TimestampType, nullable=False),
    UniqueConstraint("account", "symbol", "tx_id", "charged_at", "asset", "kind", name="uq_interest_charge"),
    Index("ix_interest_charged_at", "charged_at"),
)

interest_spans = Table(
    "interest_spans",
    metadata,
    Column("account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("since", TimestampType, nullable=False),
    Column("until", TimestampType, nullable=False),
    PrimaryKeyConstraint("account", "symbol", "since"),
)

series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("minutes_until", TimestampType),
    Column("hours_until", TimestampType),
    UniqueConstraint("account", "scope", "subject", "metric", name="uq_series"),
    Index("ix_series_metric", "metric"),
)

samples = Table(
    "samples",
    metadata,
    Column("series", Id, ForeignKey("series.id"), nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("value", AmountType),
    Column("missing", Text),
    PrimaryKeyConstraint("series", "at"),
    CheckConstraint("(value IS NULL) = (missing IS NOT NULL)", name="ck_samples_missing"),
    CheckConstraint("missing IN ('infinite', 'unavailable')", name="ck_samples_kinds"),
    sqlite_with_rowid=False,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("rule", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("since", TimestampType, nullable=False),
    Column("when", Text, nullable=False),
    Column("clear", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("value", AmountType),
    Column("fired_at", TimestampType),
    Column("resolved_at", TimestampType),
    Column("unknown_since", TimestampType),
    Column("pending_s", AmountType, nullable=False),
    Column("clear_since", TimestampType),
    Column("updated_at", TimestampType),
    Column("notified_at", TimestampType),
    Column("told_since", TimestampType),
    Column("escalated", Integer, nullable=False),
    Column("acked_by", Text),
    Column("acked_at", TimestampType),
    Column("ack_comment", Text),
    Column("ack_ended_at", TimestampType),
    Column("silenced_by", Id),
    Column("inhibited_by", Id),
    Column("kept_quiet_by", Id),
    Column("end_announced", Id),
    Column("gone", Boolean, nullable=False),
    CheckConstraint("state IN ('pending', 'firing', 'resolved', 'inactive')", name="ck_alerts_state"),
    CheckConstraint("severity IN ('info', 'warning', 'critical')", name="ck_alerts_severity"),
    partial_index(
        "ix_alerts_open",
        "account",
        where="state IN ('pending', 'firing')",
    ),
    Index("ix_alerts_resolved_at", "resolved_at"),
)

is_open_alert = alerts.c.state.in_((literal_column("'pending'"), literal_column("'firing'")))
"""The WHERE of open alerts, in the words of their index: with parameters SQLite would not use it."""

alert_transitions = Table(
    "alert_transitions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("alert", Id, ForeignKey("alerts.id"), nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("value", AmountType),
    Column("note", Text, nullable=False),
    Index("ix_alert_transitions_alert", "alert"),
    Index("ix_alert_transitions_at", "at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("alert", Id, ForeignKey("alerts.id")),
    Column("reason", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("created_at", TimestampType, nullable=False),
    Column("next_at", TimestampType, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", TimestampType),
    Column("answer", Text),
    Column("text", Text, nullable=False),
    Column("drill", Id),
    Column("intent", Id),
    Column("epoch", BigInteger),
    Column("account", Text),
    CheckConstraint("state IN ('queued', 'sent', 'failed', 'expired')", name="ck_deliveries_state"),
    Index("ix_deliveries_alert", "alert"),
    partial_index(
        "ix_deliveries_queued",
        "channel",
        "next_at",
        where="state = 'queued'",
    ),
    partial_index(
        "ix_deliveries_failed",
        "created_at",
        where="state = 'failed'",
    ),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("delivery", Id, ForeignKey("deliveries.id"), nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("answer", Text, nullable=False),
    Index("ix_delivery_attempts_delivery", "delivery"),
    Index("ix_delivery_attempts_at", "at"),
)

told = Table(
    "told",
    metadata,
    Column("channel", Text, nullable=False),
    Column("alert", Id, ForeignKey("alerts.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    PrimaryKeyConstraint("channel", "alert"),
)

control = Table(
    "control",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("changes", Id, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("paused_by", Text),
    Column("paused_at", TimestampType),
    Column("numbers_from", Id, nullable=False, server_default="1"),
    Column("alert_ids_from", Id, nullable=False, server_default="1"),
    Column("intent_ids_from", Id, nullable=False, server_default="1"),
    CheckConstraint("id = 1", name="ck_control_one_row"),
)

intents = Table(
    "intents",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("plan", Id),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("order_type", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("amount", AmountType, nullable=False),
    Column("source", Text),
    Column("market", Text),
    Column("side", Text),
    Column("quantity", AmountType),
    Column("price", AmountType),
    Column("client_id", Text),
    Column("state", Text, nullable=False),
    Column("amount_usdt", AmountType, nullable=False),
    Column("created_at", TimestampType, nullable=False),
    Column("alert", Id, ForeignKey("alerts.id")),
    Column("goal", Text),
    Column("purpose", Text),
    Column("reason", Text),
    Column("level_before", AmountType),
    Column("level_after", AmountType),
    Column("submitted_at", TimestampType),
    Column("settled_at", TimestampType),
    Column("owed_before", AmountType),
    Column("free_before", AmountType),
    Column("source_before", AmountType),
    Column("ref", Text),
    Column("evidence", Text),
    Column("expires_at", TimestampType),
    Column("refused_code", Integer),
    Column("refused_transiently", Boolean, nullable=False),
    Column("executed_late", Boolean, nullable=False, server_default=false()),
    Column("resolved_by", Text),
    Column("stopped_by_limit", Boolean, nullable=False, server_default=false()),
    Column("asked_at", TimestampType),
    Column("balances_before", Text),
    Column("uid", BigInteger),
    Column("awaits_judgement", Boolean, nullable=False, server_default=false(), index=True),
    Column("epoch", BigInteger),
    partial_index(
        "uq_intents_in_flight",
        "account",
        "scope",
        "symbol",
        "kind",
        "asset",
        unique=True,
        where=in_flight_where(),
    ),
    Index("ix_intents_created_at", "created_at"),
    Index("ix_intents_settled_at", "settled_at"),
    Index("ix_intents_state", "state"),
)

intent_transitions = Table(
    "intent_transitions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("intent", Id, ForeignKey("intents.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("note", Text, nullable=False),
    Column("epoch", BigInteger),
    UniqueConstraint("intent", "seq", name="uq_intent_transitions"),
    CheckConstraint(legal_steps_check(), name="ck_intent_transitions_legal"),
)
