"""Delivery attempts are still never changed, but those that are old may go."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER delivery_attempts_no_delete")
        return
    op.execute("DROP TRIGGER delivery_attempts_append_only ON delivery_attempts")
    op.execute(
        "CREATE TRIGGER delivery_attempts_append_only BEFORE UPDATE ON delivery_attempts "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
