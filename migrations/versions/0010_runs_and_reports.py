"""Earlier runs of the daemon are remembered, and of which days a report was made."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID, primary_key=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
    )
    op.create_index("ix_runs_until", "runs", ["until"])
    op.create_table(
        "reports",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("due", MOMENT, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("head", sa.Text),
    )
