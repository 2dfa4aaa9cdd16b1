"""Several daemons on one database: the account of each delivery, blocks of ids, each daemon's accounts, and bans."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("account", sa.Text))
    op.execute(
        "UPDATE deliveries SET account = coalesce("
        "(SELECT alerts.account FROM alerts WHERE alerts.id = deliveries.alert), "
        "(SELECT intents.account FROM intents WHERE intents.id = deliveries.intent)) "
        "WHERE state = 'queued'"
    )
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    for name in ("alert_ids_from", "intent_ids_from"):
        op.add_column("control", sa.Column(name, number, nullable=False, server_default="1"))
    op.add_column("daemons", sa.Column("lease", sa.Text, nullable=False, server_default="database"))
    op.add_column("daemons", sa.Column("accounts", sa.Text))
    op.add_column("daemons", sa.Column("usage", sa.Text))
    _move_bans()


def _move_bans() -> None:
    """Let each address have a row of its own; the ban known so far holds for all of them."""
    connection = op.get_bind()
    known = connection.execute(sa.text("SELECT until, noted_at FROM bans")).all()
    op.drop_table("bans")
    bans = op.create_table(
        "bans",
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("noted_at", sa.BigInteger),
    )
    op.bulk_insert(bans, [{"address": "", "until": until, "noted_at": noted_at} for until, noted_at in known])
