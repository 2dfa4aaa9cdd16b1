"""Whose account a key opens at the exchange, and with each intent the account that it was decided for."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

OTHER = "OLD.uid {0} NEW.uid"
WORDS = "what an intent is stays as it was"


def upgrade() -> None:
    op.create_table(
        "owners",
        sa.Column("key_mark", sa.Text, primary_key=True),
        sa.Column("uid", sa.BigInteger, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.add_column("intents", sa.Column("uid", sa.BigInteger))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER intents_owner BEFORE UPDATE ON intents FOR EACH ROW "
            f"WHEN ({OTHER.format('IS DISTINCT FROM')}) EXECUTE FUNCTION refuse_other_nature()"
        )
        return
    op.execute(
        f"CREATE TRIGGER intents_owner BEFORE UPDATE ON intents WHEN {OTHER.format('IS NOT')} "
        f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    )
