"""How far each series is downsampled, and indexes for the commands that read a year."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("series", sa.Column("minutes_until", sa.BigInteger))
    op.add_column("series", sa.Column("hours_until", sa.BigInteger))
    op.create_index("ix_series_metric", "series", ["metric"])
    op.create_index("ix_alerts_resolved_at", "alerts", ["resolved_at"])
    op.create_index("ix_alert_transitions_at", "alert_transitions", ["at"])
    op.create_index("ix_delivery_attempts_at", "delivery_attempts", ["at"])
    failed = sa.text("state = 'failed'")
    op.create_index("ix_deliveries_failed", "deliveries", ["created_at"], sqlite_where=failed, postgresql_where=failed)
    op.create_index("ix_intents_settled_at", "intents", ["settled_at"])
    op.create_index("ix_intents_state", "intents", ["state"])
    op.create_index("ix_movements_seen_at", "movements", ["kind", "seen_at"])
    op.create_index("ix_runs_since", "runs", ["since"])
