"""Intents say what money is brought in for, and which scope they are to help where the order goes elsewhere first."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("intents", sa.Column("goal", sa.Text))
    op.add_column("intents", sa.Column("purpose", sa.Text))
