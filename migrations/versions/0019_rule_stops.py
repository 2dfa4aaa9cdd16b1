"""What was held and owed before an order, and the rules whose actions stop since an order made things worse."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.add_column("intents", sa.Column("balances_before", sa.Text))
    op.create_table(
        "rule_stops",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("intent", ID, sa.ForeignKey("intents.id"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("lifted_at", MOMENT),
        sa.Column("lifted_by", sa.Text),
    )
