"""Tables of the audit trail, of decisions on proposals, and of rule stops."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text

from monitor.store.schema.columns import Id, TimestampType, metadata

audit = Table(
    "audit",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at", TimestampType, nullable=False),
    Column("kind", Text, nullable=False),
    Column("intent", Id),
    Column("data", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_audit_intent", "intent"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("intent", Id, ForeignKey("intents.id"), primary_key=True, autoincrement=False),
    Column("approved", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
)

rule_stops = Table(
    "rule_stops",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("intent", Id, ForeignKey("intents.id"), nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_at", TimestampType),
    Column("lifted_by", Text),
    Column("grounds", Text, nullable=False, server_default="worse"),
)
