"""Several daemons on one database: the account of each delivery, blocks of ids, the accounts of each daemon."""

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
