"""Tables of answers from messages: the messages that can be answered or edited, presses, and how far bots were read."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from monitor.store.schema.columns import Id, TimestampType, metadata, partial_index

channel_messages = Table(
    "channel_messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("alert", Id, ForeignKey("alerts.id")),
    Column("intent", Id),
    Column("drill", Id),
    Column("reason", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("text", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("closed_at", TimestampType),
    Index("ix_channel_messages_alert", "alert", "channel"),
    partial_index(
        "ix_channel_messages_open",
        "channel",
        "reference",
        where="closed_at IS NULL",
    ),
)

presses = Table(
    "presses",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("command", Text, nullable=False),
    Column("is_done", Boolean, nullable=False),
    Column("answer", Text, nullable=False),
    Index("ix_presses_at", "at"),
)

update_offsets = Table(
    "update_offsets",
    metadata,
    Column("bot", BigInteger, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
    Column("at", TimestampType, nullable=False),
)
