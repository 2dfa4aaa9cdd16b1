"""What the machine's steady clock said when the daemon was last seen, and when a ban was noted."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("daemon", sa.Column("steady_base", sa.Text))
    op.add_column("daemon", sa.Column("steady_ms", sa.BigInteger))
    op.add_column("bans", sa.Column("noted_at", sa.BigInteger))
