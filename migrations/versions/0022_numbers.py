"""Above which number alerts and intents go on, where a database that was replaced had given higher ones."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column(
        "control",
        sa.Column(
            "numbers_from", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False, server_default="1"
        ),
    )
