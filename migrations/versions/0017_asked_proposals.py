"""When a channel took the question of a proposal, and which intent a message is about."""

import sqlalchemy as sa
from alembic import op

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.BigInteger()

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("intents", sa.Column("asked_at", MOMENT))
    op.add_column("deliveries", sa.Column("intent", ID))
