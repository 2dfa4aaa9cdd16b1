"""What moved in the accounts, whose doing it was, and the terms on which the exchange lends."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
AMOUNT = sa.Numeric().with_variant(sa.Text(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "movements",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("intent", ID),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint("account", "symbol", "kind", "key", name="uq_movements"),
    )
    op.create_index("ix_movements_at", "movements", ["at"])
    op.create_table(
        "terms",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.UniqueConstraint("account", "kind", "subject", "seen_at", name="uq_terms"),
    )
