"""Of each scope it is known in which time all of its interest charges are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "interest_spans",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", "since"),
    )
