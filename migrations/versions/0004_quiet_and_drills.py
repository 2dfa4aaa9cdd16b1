"""Alerts know since when people have been told and when an ack ended; deliveries say which drill they belong to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.add_column("alerts", sa.Column("told_since", MOMENT))
    op.add_column("alerts", sa.Column("ack_ended_at", MOMENT))
    op.add_column("deliveries", sa.Column("drill", sa.BigInteger().with_variant(sa.Integer, "sqlite")))
    # Escalation of what fires goes on from where it counted before.
    op.execute("UPDATE alerts SET told_since = fired_at WHERE notified_at IS NOT NULL AND silenced_by IS NULL")
