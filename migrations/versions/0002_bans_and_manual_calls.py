"""Bans of this address are remembered, and so is what people change by hand beside the actions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "bans",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_bans_one_row"),
    )
    op.create_table(
        "manual_calls",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("function", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("code", sa.Integer),
        sa.Column("answer", sa.Text),
        sa.CheckConstraint("state IN ('sending', 'accepted', 'refused', 'unknown')", name="ck_manual_calls_state"),
    )
    op.create_index("ix_manual_calls_started_at", "manual_calls", ["started_at"])
