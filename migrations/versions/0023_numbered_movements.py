"""What moved in gaps of the record bears the exchange's number of its row, so that two equal movements are two."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

AMOUNT = sa.Text().with_variant(sa.Numeric(), "postgresql")
"""An exact decimal number: text without exponent on SQLite, whose numbers are floats."""


def upgrade() -> None:
    connection = op.get_bind()
    columns = (
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("is_certain", sa.Boolean, nullable=False),
    )
    before = sa.table("found", *(sa.column(each.name, each.type) for each in columns))
    rows = [dict(row) for row in connection.execute(sa.select(before)).mappings()]
    op.drop_table("found")
    now = op.create_table(
        "found",
        *columns,
        sa.Column("key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "kind", "symbol", "asset", "at", "amount", "key"),
    )
    # Those of before have none.
    if rows:
        op.bulk_insert(now, [{**row, "key": ""} for row in rows])
