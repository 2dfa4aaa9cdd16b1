"""Leases with epochs: the database refuses a claim that is made under an epoch which is over."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

PRESENT = "SELECT epoch FROM leases WHERE account IN ('', (SELECT account FROM intents WHERE id = NEW.intent))"
BY_A_DAEMON = "(SELECT mode FROM intents WHERE id = NEW.intent) <> 'manual'"

OUTDATED = "the lease has another epoch"
RISES = "the epoch of a lease only rises"
KEPT = "leases are kept"
FIXED = "the epoch of an intent stays as it was"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("renewed_at", sa.BigInteger, nullable=False),
    )
    for table in ("intents", "intent_transitions", "deliveries"):
        op.add_column(table, sa.Column("epoch", sa.BigInteger))
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _sqlite() -> None:
    _refused(
        "intent_transitions_epoch",
        "INSERT ON intent_transitions",
        f"NEW.to_state = 'SUBMITTING' AND {BY_A_DAEMON} AND NEW.epoch IS NOT (SELECT max(epoch) FROM ({PRESENT}))",
        OUTDATED,
    )
    _refused("leases_rise", "UPDATE ON leases", "NEW.epoch < OLD.epoch OR NEW.account <> OLD.account", RISES)
    _refused("leases_kept", "DELETE ON leases", "true", KEPT)
    # INSERT OR REPLACE would remove a row without asking the trigger that guards removals.
    _refused(
        "leases_taken",
        "INSERT ON leases",
        "EXISTS (SELECT 1 FROM leases WHERE account = NEW.account AND epoch > NEW.epoch)",
        RISES,
    )
    _refused("intents_epoch", "UPDATE OF epoch ON intents", "OLD.epoch IS NOT NEW.epoch", FIXED)


def _refused(name: str, change: str, when: str, words: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {change} WHEN {when} BEGIN SELECT RAISE(ABORT, '{words}'); END")


def _postgresql() -> None:
    # The share lock holds back who takes the lease until the claim is durable or undone.
    op.execute(
        "CREATE FUNCTION refuse_outdated_claim() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN IF {BY_A_DAEMON} AND NEW.epoch IS DISTINCT FROM "
        f"(SELECT max(epoch) FROM ({PRESENT} FOR SHARE) AS present) THEN {_raised(OUTDATED)} END IF; "
        "RETURN NEW; END$$"
    )
    op.execute(
        "CREATE TRIGGER intent_transitions_epoch BEFORE INSERT ON intent_transitions FOR EACH ROW "
        "WHEN (NEW.to_state = 'SUBMITTING') EXECUTE FUNCTION refuse_outdated_claim()"
    )
    for name, words in (("fall", RISES), ("loss", KEPT), ("other_epoch", FIXED)):
        op.execute(
            f"CREATE FUNCTION refuse_{name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {_raised(words)} END$$"
        )
    op.execute(
        "CREATE TRIGGER leases_rise BEFORE UPDATE ON leases FOR EACH ROW "
        "WHEN (NEW.epoch < OLD.epoch OR NEW.account <> OLD.account) EXECUTE FUNCTION refuse_fall()"
    )
    op.execute("CREATE TRIGGER leases_kept BEFORE DELETE ON leases FOR EACH ROW EXECUTE FUNCTION refuse_loss()")
    op.execute(
        "CREATE TRIGGER leases_no_truncate BEFORE TRUNCATE ON leases FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss()"
    )
    op.execute(
        "CREATE TRIGGER intents_epoch BEFORE UPDATE OF epoch ON intents FOR EACH ROW "
        "WHEN (OLD.epoch IS DISTINCT FROM NEW.epoch) EXECUTE FUNCTION refuse_other_epoch()"
    )


def _raised(words: str) -> str:
    return f"RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';"
