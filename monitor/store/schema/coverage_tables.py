"""Tables of record coverage, and of movements found in gaps that no recorded intent explains."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, Table, Text

from monitor.store.schema.columns import AmountType, TimestampType, metadata

records = Table(
    "records",
    metadata,
    Column("account", Text, primary_key=True),
    Column("known_until", TimestampType, nullable=False),
)

found = Table(
    "found",
    metadata,
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("amount", AmountType, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("is_certain", Boolean, nullable=False),
    Column("key", Text, nullable=False),
    PrimaryKeyConstraint("account", "kind", "symbol", "asset", "at", "amount", "key"),
)
