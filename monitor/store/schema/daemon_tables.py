"""Tables of the daemon itself: live document, leases, runs, reports, bans, key owners, commit markers."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text

from monitor.store.schema.columns import Id, TimestampType, metadata

live = Table(
    "live",
    metadata,
    Column("account", Text, primary_key=True),
    Column("at", TimestampType, nullable=False),
    Column("document", Text, nullable=False),
)

daemon = Table(
    "daemon",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("pid", Integer, nullable=False),
    Column("since", TimestampType, nullable=False),
    Column("version", Text, nullable=False),
    Column("seen_at", TimestampType, nullable=False),
    Column("steady_base", Text),
    Column("steady_ms", BigInteger),
    CheckConstraint("id = 1", name="ck_daemon_one_row"),
)

daemons = Table(
    "daemons",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("since", TimestampType, nullable=False),
    Column("seen_at", TimestampType, nullable=False),
    Column("lease", Text, nullable=False, server_default="database"),
    Column("accounts", Text),
    Column("usage", Text),
)

leases = Table(
    "leases",
    metadata,
    Column("account", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", Text),
    Column("since", TimestampType, nullable=False),
    Column("renewed_at", TimestampType, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("since", TimestampType, nullable=False),
    Column("until", TimestampType, nullable=False),
    Column("version", Text, nullable=False),
    Index("ix_runs_until", "until"),
    Index("ix_runs_since", "since"),
)

owners = Table(
    "owners",
    metadata,
    Column("key_mark", Text, primary_key=True),
    Column("uid", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("seen_at", TimestampType, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("day", Text, primary_key=True),
    Column("due", TimestampType, nullable=False),
    Column("since", TimestampType, nullable=False),
    Column("until", TimestampType, nullable=False),
    Column("head", Text),
)

commits = Table(
    "commits",
    metadata,
    Column("account", Text, primary_key=True),
    Column("writer", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

bans = Table(
    "bans",
    metadata,
    Column("address", Text, primary_key=True),
    Column("until", TimestampType, nullable=False),
    Column("noted_at", TimestampType),
)
