"""Tables of what people order: acknowledgements, silences, drills."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text

from monitor.store.schema.columns import Id, TimestampType, metadata

acks = Table(
    "acks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("alert", Id, ForeignKey("alerts.id"), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("comment", Text, nullable=False),
    Index("ix_acks_alert", "alert"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Id, primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("starts_at", TimestampType, nullable=False),
    Column("ends_at", TimestampType, nullable=False),
    Column("author", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("include_critical", Boolean, nullable=False),
    Column("channel", Text, nullable=False, server_default=""),
    Index("ix_silences_ends_at", "ends_at"),
)

drills = Table(
    "drills",
    metadata,
    Column("id", Id, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("requested_at", TimestampType, nullable=False),
    Column("done_at", TimestampType),
    Column("outcome", Text),
)
