"""The database holds every intent to its life: how it is born, that its steps move it, and what of it never changes."""

from alembic import op

revision = "0011"
down_revision = "0010"

UNSENT = "('PLANNED', 'PROPOSED')"

NATURE = (
    "id",
    "action",
    "kind",
    "mode",
    "account",
    "order_type",
    "scope",
    "symbol",
    "asset",
    "source",
    "market",
    "side",
    "goal",
    "purpose",
    "created_at",
)
BOUGHT = ("amount", "amount_usdt")
ORDERED = ("quantity", "price", "client_id")

BIRTH = "an intent is born once, as PROPOSED or PLANNED"
FOLLOWS = "an intent moves by a recorded step"
FIXED = "what an intent is stays as it was"
SIZED = "the size of an intent stays as it was sent"
STEP = "a step starts where its intent stands"
KEPT = "intents are kept"

LAST = "(SELECT {0} FROM intent_transitions WHERE intent = {1} ORDER BY seq DESC LIMIT 1)"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _sqlite() -> None:
    # INSERT OR REPLACE would remove the row of that number without asking the trigger that guards removals.
    _refused(
        "intents_birth",
        "INSERT ON intents",
        f"NEW.state NOT IN {UNSENT} OR EXISTS (SELECT 1 FROM intents WHERE id = NEW.id)",
        BIRTH,
    )
    _refused(
        "intents_follow_steps",
        "UPDATE OF state ON intents",
        f"OLD.state <> NEW.state AND NEW.state IS NOT {LAST.format('to_state', 'NEW.id')}",
        FOLLOWS,
    )
    _refused("intents_fixed", "UPDATE ON intents", _differ(NATURE, "IS NOT"), FIXED)
    _refused("intents_sized", "UPDATE ON intents", _resized("IS NOT"), SIZED)
    _refused("intents_kept", "DELETE ON intents", "true", KEPT)
    _refused(
        "intent_transitions_follow",
        "INSERT ON intent_transitions",
        f"NEW.from_state IS NOT {LAST.format('to_state', 'NEW.intent')} "
        f"OR NEW.seq <> 1 + coalesce({LAST.format('seq', 'NEW.intent')}, 0) "
        "OR coalesce(NEW.from_state, NEW.to_state) IS NOT (SELECT state FROM intents WHERE id = NEW.intent) "
        "OR EXISTS (SELECT 1 FROM intent_transitions WHERE id = NEW.id)",
        STEP,
    )
    op.execute(
        "CREATE TRIGGER intent_transitions_move AFTER INSERT ON intent_transitions "
        "BEGIN UPDATE intents SET state = NEW.to_state WHERE id = NEW.intent AND state <> NEW.to_state; END"
    )


def _refused(name: str, change: str, when: str, words: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {change} WHEN {when} BEGIN SELECT RAISE(ABORT, '{words}'); END")


def _postgresql() -> None:
    _function("refuse_birth", _raised(BIRTH))
    _guarded("intents_birth", "INSERT ON intents", f"WHEN (NEW.state NOT IN {UNSENT}) ", "refuse_birth")
    _function(
        "follow_steps",
        f"IF NEW.state IS DISTINCT FROM {LAST.format('to_state', 'NEW.id')} "
        f"THEN {_raised(FOLLOWS)} END IF; RETURN NEW;",
    )
    _guarded("intents_follow_steps", "UPDATE OF state ON intents", "WHEN (OLD.state <> NEW.state) ", "follow_steps")
    _function("refuse_other_nature", _raised(FIXED))
    nature = _differ(NATURE, "IS DISTINCT FROM")
    _guarded("intents_fixed", "UPDATE ON intents", f"WHEN ({nature}) ", "refuse_other_nature")
    _function("refuse_other_size", _raised(SIZED))
    _guarded("intents_sized", "UPDATE ON intents", f"WHEN ({_resized('IS DISTINCT FROM')}) ", "refuse_other_size")
    _function("refuse_removal", _raised(KEPT))
    _guarded("intents_kept", "DELETE ON intents", "", "refuse_removal")
    _function(
        "step_from_where_it_stands",
        f"IF NEW.from_state IS DISTINCT FROM {LAST.format('to_state', 'NEW.intent')} "
        f"OR NEW.seq <> 1 + coalesce({LAST.format('seq', 'NEW.intent')}, 0) "
        "OR coalesce(NEW.from_state, NEW.to_state) IS DISTINCT FROM "
        f"(SELECT state FROM intents WHERE id = NEW.intent) THEN {_raised(STEP)} END IF; RETURN NEW;",
    )
    _guarded("intent_transitions_follow", "INSERT ON intent_transitions", "", "step_from_where_it_stands")
    _function(
        "move_intent",
        "UPDATE intents SET state = NEW.to_state WHERE id = NEW.intent AND state <> NEW.to_state; RETURN NULL;",
    )
    op.execute(
        "CREATE TRIGGER intent_transitions_move AFTER INSERT ON intent_transitions "
        "FOR EACH ROW EXECUTE FUNCTION move_intent()"
    )
    for table, function in (
        ("intents", "refuse_removal"),
        ("intent_transitions", "refuse_change"),
        ("audit", "refuse_change"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


def _function(name: str, body: str) -> None:
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} END$$")


def _raised(words: str) -> str:
    return f"RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';"


def _guarded(name: str, change: str, when: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {change} FOR EACH ROW {when}EXECUTE FUNCTION {function}()")


def _differ(names: tuple[str, ...], other: str) -> str:
    return " OR ".join(f"OLD.{name} {other} NEW.{name}" for name in names)


def _resized(other: str) -> str:
    """Any change of size once an intent is sent, but that an order on the market is settled with what it brought."""
    settled = "OLD.order_type = 'reduce' AND OLD.settled_at IS NULL AND NEW.settled_at IS NOT NULL"
    return (
        f"OLD.state NOT IN {UNSENT} AND ({_differ(ORDERED, other)} OR (({_differ(BOUGHT, other)}) AND NOT ({settled})))"
    )
