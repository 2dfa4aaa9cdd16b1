"""Tables of past prices: hourly bars of symbols, how far they were read, and the routes of assets."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, Table, Text

from monitor.store.schema.columns import AmountType, TimestampType, metadata

price_bars = Table(
    "price_bars",
    metadata,
    Column("symbol", Text, nullable=False),
    Column("at", TimestampType, nullable=False),
    Column("open", AmountType, nullable=False),
    Column("high", AmountType, nullable=False),
    Column("low", AmountType, nullable=False),
    Column("close", AmountType, nullable=False),
    Column("volume", AmountType),
    PrimaryKeyConstraint("symbol", "at"),
    sqlite_with_rowid=False,
)

price_series = Table(
    "price_series",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("read_from", TimestampType),
    Column("read_until", TimestampType),
    Column("listed_at", TimestampType),
    Column("refusal", Text, nullable=False),
)

price_routes = Table(
    "price_routes",
    metadata,
    Column("asset", Text, primary_key=True),
    Column("pair", Text, nullable=False),
    Column("is_inverted", Boolean, nullable=False),
    Column("bridge_pair", Text, nullable=False),
    Column("peg", Text, nullable=False),
    Column("is_known", Boolean, nullable=False),
)
