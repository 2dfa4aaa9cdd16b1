"""Past prices: hourly bars of symbols, how far they were read, and the way to the USDT price of each asset."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

AMOUNT = sa.Text().with_variant(sa.Numeric(), "postgresql")
"""An exact decimal number: text without exponent on SQLite, whose numbers are floats."""


def upgrade() -> None:
    op.create_table(
        "price_bars",
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("open", AMOUNT, nullable=False),
        sa.Column("high", AMOUNT, nullable=False),
        sa.Column("low", AMOUNT, nullable=False),
        sa.Column("close", AMOUNT, nullable=False),
        sa.Column("volume", AMOUNT),
        sa.PrimaryKeyConstraint("symbol", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "price_series",
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("read_from", sa.BigInteger),
        sa.Column("read_until", sa.BigInteger),
        sa.Column("listed_at", sa.BigInteger),
        sa.Column("refusal", sa.Text, nullable=False),
    )
    op.create_table(
        "price_routes",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("pair", sa.Text, nullable=False),
        sa.Column("is_inverted", sa.Boolean, nullable=False),
        sa.Column("bridge_pair", sa.Text, nullable=False),
        sa.Column("peg", sa.Text, nullable=False),
        sa.Column("is_known", sa.Boolean, nullable=False),
    )
