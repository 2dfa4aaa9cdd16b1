"""Which confirmed orders await the judgement whether they made things worse, and on what grounds a rule is stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("intents", sa.Column("awaits_judgement", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_intents_awaits_judgement", "intents", ["awaits_judgement"])
    op.add_column("rule_stops", sa.Column("grounds", sa.Text, nullable=False, server_default="worse"))
