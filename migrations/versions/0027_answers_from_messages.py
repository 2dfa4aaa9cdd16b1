"""Messages that can be answered or edited, presses of their buttons, and how far the updates of bots were read."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "channel_messages",
        sa.Column("id", number, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("alert", number, sa.ForeignKey("alerts.id")),
        sa.Column("intent", number),
        sa.Column("drill", number),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
    )
    op.create_index("ix_channel_messages_alert", "channel_messages", ["alert", "channel"])
    still_open = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_channel_messages_open",
        "channel_messages",
        ["channel", "reference"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_table(
        "presses",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("is_done", sa.Boolean, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("ix_presses_at", "presses", ["at"])
    op.create_table(
        "update_offsets",
        sa.Column("bot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
