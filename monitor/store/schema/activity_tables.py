"""Tables of account activity: movements of money, and lending terms."""

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from monitor.store.schema.columns import AmountType, Id, TimestampType, metadata

movements = Table(
    "movements",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("seen_at", TimestampType, nullable=False),
    Column("asset", Text, nullable=False),
    Column("amount", AmountType, nullable=False),
    Column("type", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("intent", Id),
    Column("detail", Text, nullable=False),
    UniqueConstraint("account", "symbol", "kind", "key", name="uq_movements"),
    Index("ix_movements_at", "at"),
    Index("ix_movements_seen_at", "kind", "seen_at"),
)

terms = Table(
    "terms",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("seen_at", TimestampType, nullable=False),
    UniqueConstraint("account", "kind", "subject", "seen_at", name="uq_terms"),
)
