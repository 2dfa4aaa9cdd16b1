"""How far back the record of each account is whole, and what moved in its gaps."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

AMOUNT = sa.Text().with_variant(sa.Numeric(), "postgresql")
"""An exact decimal number: text without exponent on SQLite, whose numbers are floats."""


def upgrade() -> None:
    op.create_table(
        "records",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("known_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "found",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("is_certain", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "symbol", "asset", "at", "amount"),
    )
    # Until the last daemon of before was gone nothing was missing.
    op.execute("INSERT INTO records SELECT live.account, daemon.seen_at FROM live, daemon")
