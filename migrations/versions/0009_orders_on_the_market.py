"""Intents may be orders on the market: the symbol, side, quantity, price bound and the name that the order bears."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

AMOUNT = sa.Numeric().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.add_column("intents", sa.Column("market", sa.Text))
    op.add_column("intents", sa.Column("side", sa.Text))
    op.add_column("intents", sa.Column("quantity", AMOUNT))
    op.add_column("intents", sa.Column("price", AMOUNT))
    op.add_column("intents", sa.Column("client_id", sa.Text))
