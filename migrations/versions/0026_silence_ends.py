"""Which silence kept an alert quiet last, whose coming end was announced, and the channel that a silence came from."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("kept_quiet_by", ID))
    op.add_column("alerts", sa.Column("end_announced", ID))
    # A silence that holds while the program is upgraded has an end, too.
    op.execute("UPDATE alerts SET kept_quiet_by = silenced_by WHERE state = 'firing'")
    op.add_column("silences", sa.Column("channel", sa.Text, nullable=False, server_default=""))
