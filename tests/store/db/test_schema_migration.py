"""The schema: made, upgraded, checked, and the same as the tables that the program believes in."""

import asyncio
import json
import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, text, update

from monitor.core.actions.limit_usage import compute_limit_usage
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.ledger import ForeignMovement
from monitor.errors import DaemonAlreadyRunning, StoreError, WrongDatabaseRevision
from monitor.resources import packaged_path
from monitor.store.command_store import ReadStore
from monitor.store.db import connections as opening
from monitor.store.db.lease import FileLease
from monitor.store.db.schema_migration import find_problems, upgrade
from monitor.store.readers.intents import read_intents
from monitor.store.schema import tables
from monitor.store.schema.columns import to_milliseconds
from monitor.store.schema.row_mapping import row_from_alert, row_from_intent
from monitor.store.schema.tables import metadata
from monitor.store.store import Store
from monitor.store.writes import audit, bans
from monitor.store.writes.intents import read_recent as recent_intents
from monitor.store.writes.record_coverage import read_gap_movements
from tests.support.examples.store_rows import NOW, alert, intent, step


def test_the_migrated_schema_is_the_one_that_the_tables_describe(database_url: str) -> None:
    engine = opening.reading_engine(opening.parse_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_revision_that_the_program_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(packaged_path("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [opening.SCHEMA_REVISION]


def test_upgrade_makes_a_missing_database_and_leaves_a_new_one_alone(empty_database_url: str) -> None:
    assert upgrade(empty_database_url) == (None, opening.SCHEMA_REVISION)
    assert upgrade(empty_database_url) == (opening.SCHEMA_REVISION, opening.SCHEMA_REVISION)
    assert find_problems(empty_database_url) == []


def test_a_new_file_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/deeper/monitor.db")
    assert (tmp_path / "deeper" / "monitor.db").stat().st_mode & 0o777 == 0o600


def test_missing_database_is_reported_with_the_fix_and_never_created(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    wanted = f"no database at {path}; run `margin-monitor db upgrade` or start `margin-monitor run`"
    for opened in (ReadStore.open, find_problems):
        with pytest.raises(StoreError) as caught:
            opened(f"sqlite:///{path}")
        assert str(caught.value) == wanted
    with pytest.raises(StoreError):
        Store.open(f"sqlite:///{path}", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("0000", "has revision 0000, this program needs {head}; run `margin-monitor db upgrade`"),
        (
            "9999",
            "has revision 9999, newer than this program's {head}; "
            "install the newer margin-monitor, or restore a backup",
        ),
    ],
)
def test_database_of_another_version_is_refused_with_the_fix(database_url: str, revision: str, words: str) -> None:
    _set_revision(database_url, revision)
    name = opening.display_url(opening.parse_url(database_url))
    wanted = f"the database {name} {words.format(head=opening.SCHEMA_REVISION)}"
    for opened in (ReadStore.open, Store.open, find_problems):
        with pytest.raises(StoreError) as caught:
            opened(database_url)
        assert str(caught.value) == wanted


def test_upgrade_waits_for_a_daemon_that_takes_the_empty_database(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    path.touch()
    lease = FileLease(path)
    lease.acquire()
    url = f"sqlite:///{path}"

    def end_and_make() -> None:
        lease.release()
        upgrade(url)

    held = threading.Timer(1, end_and_make)
    held.start()
    assert upgrade(url)[1] == opening.SCHEMA_REVISION
    held.join()


def test_upgrade_refuses_a_newer_database(database_url: str) -> None:
    _set_revision(database_url, "9999")
    with pytest.raises(StoreError, match="newer than this program's"):
        upgrade(database_url)


def test_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.close()
    with pytest.raises(StoreError, match="is not a database of margin-monitor"):
        ReadStore.open(f"sqlite:///{path}")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, " * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        ReadStore.open(f"sqlite:///{path}")


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    url = "postgresql+psycopg://monitor:hunter2@127.0.0.1:1/margin"
    with pytest.raises(StoreError) as caught:
        ReadStore.open(url)
    assert "127.0.0.1:1/margin can't be used" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match="give sqlite:///FILE or postgresql"):
        opening.parse_url(url)


def test_a_damaged_reference_is_found_by_check(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO told VALUES ('phone', 17, 'firing', 'critical', 0)")
    connection.commit()
    connection.close()
    (problem,) = find_problems(f"sqlite:///{path}")
    assert "told" in problem
    assert "alerts" in problem


def _set_revision(url: str, revision: str) -> None:
    engine = opening.writing_engine(opening.parse_url(url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": revision})
    engine.dispose()


async def test_a_database_is_not_migrated_under_a_running_daemon(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        await store.execute(
            lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        )
        with pytest.raises(DaemonAlreadyRunning):
            await asyncio.to_thread(upgrade, database_url)
    finally:
        await store.close()


async def test_schema_that_was_changed_under_a_daemon_ends_its_writing(database_url: str) -> None:
    store = Store.open(database_url)
    try:
        await store.update_last_seen(NOW)
        _set_revision(database_url, "9999")
        writes = (lambda: store.update_last_seen(NOW), lambda: store.finish_drill(1, NOW, "done"))
        for write in writes:
            with pytest.raises(WrongDatabaseRevision, match="has revision 9999, newer than this program's"):
                await write()
    finally:
        await store.close()


def test_old_manual_changes_become_intents(empty_database_url: str) -> None:
    engine = opening.writing_engine(opening.parse_url(database_at_revision(empty_database_url, "0004")))
    calls = [
        ("create_margin_loan", "borrow", "USDT", {"asset": "USDT", "amount": "5", "type": "BORROW"}, "accepted", "77"),
        ("set_bnb_burn", "setting", "", {"spotBNBBurn": "true"}, "unknown", "cut"),
        ("set_bnb_burn", "setting", "", {"spotBNBBurn": "false"}, "unknown", "cut"),
    ]
    with engine.begin() as connection:
        for at, (function, kind, asset, asked, state, answer) in enumerate(calls):
            words = "account, function, kind, symbol, asset, parameters, started_at, state, answer"
            connection.execute(
                text(f"INSERT INTO manual_calls ({words}) VALUES ('main', :f, :k, '', :a, :p, :at, :s, :answer)"),
                {"f": function, "k": kind, "a": asset, "p": json.dumps(asked), "at": at, "s": state, "answer": answer},
            )
    engine.dispose()
    upgrade(empty_database_url)
    with ReadStore.open(empty_database_url) as store:
        rows = store.read(read_intents, include_final=True)
    found = {(row.intent.action, str(row.intent.state), int(row.intent.amount), row.intent.reason) for row in rows}
    assert found == {
        ("create_margin_loan", "CONFIRMED", 5, "ordered by hand: asset=USDT amount=5 type=BORROW"),
        ("set_bnb_burn", "UNRESOLVED", 0, "ordered by hand: spotBNBBurn=false"),
    }


async def test_old_trail_is_valid_and_marks_older_intents(empty_database_url: str) -> None:
    engine = opening.writing_engine(opening.parse_url(database_at_revision(empty_database_url, "0011")))
    born = {"from_state": None, "to_state": "PLANNED", "at": NOW, "note": ""}
    with engine.begin() as connection:
        for number in (1, 2, 3):
            _insert_old_row(connection, intent(number, asset=f"A{number}"))
            connection.execute(insert(tables.intent_transitions), {"intent": number, "seq": 1, **born})
        # The first is older than the trail, of the second it saw the end alone, of the third everything.
        _old_seal(connection, step(3, None, IntentState.PLANNED))
        expired = {**born, "from_state": "PLANNED", "to_state": "EXPIRED"}
        connection.execute(insert(tables.intent_transitions), {"intent": 2, "seq": 2, **expired})
        _old_seal(connection, step(2, IntentState.PLANNED, IntentState.EXPIRED))
    engine.dispose()
    upgrade(empty_database_url)
    with ReadStore.open(empty_database_url) as store:
        found = store.read(audit.verify_trail)
    assert (found.rows, found.problems, found.older_intents) == (3, (), 1)


async def test_old_intents_keep_their_state(empty_database_url: str) -> None:
    engine = opening.writing_engine(opening.parse_url(database_at_revision(empty_database_url, "0010")))
    planned, sent = intent(1), replace(intent(2, IntentState.SUBMITTING, asset="BTC"), submitted_at=NOW)
    with engine.begin() as connection:
        for one, states in ((planned, ["PLANNED"]), (sent, ["PLANNED", "SUBMITTING"])):
            _insert_old_row(connection, one)
            for seq, state in enumerate(states):
                step_row = {"from_state": states[seq - 1] if seq else None, "to_state": state, "at": NOW, "note": ""}
                connection.execute(insert(tables.intent_transitions), {"intent": one.id, "seq": seq + 1, **step_row})
    engine.dispose()
    upgrade(empty_database_url)
    store = Store.open(empty_database_url)
    try:
        assert await store.claim(planned, NOW)
        doubted = replace(sent, state=IntentState.UNCERTAIN)
        assert await store.record_step(doubted, step(2, IntentState.SUBMITTING, IntentState.UNCERTAIN))
        assert {row.intent.state for row in await store.read(read_intents)} == {"SUBMITTING", "UNCERTAIN"}
    finally:
        await store.close()


def database_at_revision(url: str, revision: str) -> str:
    """A database of an older revision."""
    parsed = opening.parse_url(url)
    if (path := opening.sqlite_path(parsed)) is not None:
        opening.create_file(path)
    engine = opening.writing_engine(parsed)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(packaged_path("migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    return url


S = IntentState
SENT = (S.PLANNED, S.SUBMITTING, S.UNCERTAIN)
OLD_INTENTS = {
    1: ((*SENT, S.FAILED), "no record in 5 looks", "executed late: record 77 of 21:00:00"),
    2: ((*SENT, S.UNRESOLVED, S.CONFIRMED), "resolved by ann@home: seen: in the app", None),
    3: ((*SENT, S.UNRESOLVED, S.FAILED), "resolved by ann@home: not there", "executed late: record 78 of 21:00:00"),
    4: ((S.PLANNED, S.EXPIRED), "stopped: max_per_day is used up", None),
    5: ((S.PLANNED, S.EXPIRED), "its alert does not fire any more", None),
    6: ((*SENT, S.FAILED), "record 5 says FAILED", None),
}
"""Number: the states, the note of the last step, and the evidence that came after it."""


@pytest.mark.parametrize("older_than_the_trail", [False, True])
async def test_evidence_prefixes_become_fields_after_the_upgrade(
    empty_database_url: str, older_than_the_trail: bool
) -> None:
    # The row that the trail begins with, which names what is older, came with 0012.
    before = "0011" if older_than_the_trail else "0012"
    engine = opening.writing_engine(opening.parse_url(database_at_revision(empty_database_url, before)))
    with engine.begin() as connection:
        for number, (states, note, later) in OLD_INTENTS.items():
            _insert_old_intent(connection, number, states, note, later, sealed=not older_than_the_trail)
    engine.dispose()
    assert upgrade(empty_database_url) == (before, opening.SCHEMA_REVISION)
    with ReadStore.open(empty_database_url) as store:
        found = {row.intent.id: row.intent for row in store.read(read_intents, include_final=True)}
        trail = store.read(audit.verify_trail)
        recent = store.read(recent_intents, "main", NOW)
    assert {n for n, one in found.items() if one.executed_late} == {1, 3}
    assert {n: one.resolved_by for n, one in found.items() if one.resolved_by} == {2: "ann@home", 3: "ann@home"}
    assert {n for n, one in found.items() if one.stopped_by_limit} == {4}
    assert trail.problems == ()
    # What was executed late or counts as done was spent, 500 each; what failed or was never sent was not.
    spec = ActionSpec("repay-usdt", "repay", max_amount=Decimal(5000), max_per_day=Decimal(5000))
    assert compute_limit_usage(spec, "main", recent, NOW).amount == Decimal(1500)


def _insert_old_intent(
    connection: Connection, number: int, states: tuple[IntentState, ...], note: str, later: str | None, *, sealed: bool
) -> None:
    """An intent walked through its states as an older version did."""
    born = replace(intent(number, states[0], asset=f"A{number}"), submitted_at=NOW if len(states) > 2 else None)
    _insert_old_row(connection, born)
    by_number = tables.intents.c.id == number
    for seq, state in enumerate(states):
        is_last = state is states[-1] and len(states) > 1
        if is_last:
            connection.execute(update(tables.intents).where(by_number).values(evidence=note, settled_at=NOW))
        taken = step(number, states[seq - 1] if seq else None, state, note=note if is_last else "")
        values = {"intent": number, "seq": seq + 1, "from_state": taken.from_state, "to_state": state}
        connection.execute(insert(tables.intent_transitions), {**values, "at": NOW, "note": taken.note})
        if sealed:
            _old_seal(connection, taken)
    if later is not None:
        connection.execute(update(tables.intents).where(by_number).values(evidence=later))
        if sealed:
            _old_seal(connection, number)


def _old_columns(connection: Connection) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns("intents")}


def test_queued_deliveries_get_the_account_that_they_are_about(empty_database_url: str) -> None:
    engine = opening.writing_engine(opening.parse_url(database_at_revision(empty_database_url, "0030")))
    row = {"channel": "phone", "reason": "fired", "severity": "info", "created_at": NOW, "next_at": NOW}
    row |= {"attempts": 0, "text": "", "alert": None, "intent": None}
    with engine.begin() as connection:
        connection.execute(insert(tables.alerts), row_from_alert(alert(5, account="alpha")))
        _insert_old_row(connection, intent(6, account="beta"))
        for state, more in (
            ("queued", {"alert": 5}),
            ("queued", {"intent": 6}),
            ("queued", {}),
            ("sent", {"alert": 5}),
        ):
            connection.execute(insert(tables.deliveries), {**row, "state": state, **more})
    engine.dispose()
    upgrade(empty_database_url)
    with ReadStore.open(empty_database_url) as store:
        rows = store.read(lambda connection: connection.execute(select(tables.deliveries)).all())
    assert [row.account for row in sorted(rows, key=lambda row: int(row.id))] == ["alpha", "beta", None, None]


def test_ban_that_is_known_holds_for_every_address(empty_database_url: str) -> None:
    engine = opening.writing_engine(opening.parse_url(database_at_revision(empty_database_url, "0030")))
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO bans (id, until, noted_at) VALUES (1, 1760130000000, 1760129990000)")
    engine.dispose()
    upgrade(empty_database_url)
    with ReadStore.open(empty_database_url) as store:
        ban = store.read(bans.read_ban, "any")
    assert ban is not None
    assert ban.remaining(ban.until - timedelta(minutes=1)) == timedelta(seconds=10)


def _insert_old_row(connection: Connection, one: Intent) -> None:
    """The row of an intent in the columns that the older version had."""
    row = {name: value for name, value in row_from_intent(one).items() if name in _old_columns(connection)}
    connection.execute(insert(tables.intents), row)


def _old_seal(connection: Connection, what: IntentStep | int) -> None:
    """The row of the trail that an older version wrote at a step, or about what became known (its number)."""
    number = what if isinstance(what, int) else what.intent
    names = _old_columns(connection)
    table = tables.intents
    columns = [column for column in table.columns if column.name in names]
    stored = connection.execute(select(*columns).where(table.c.id == number)).mappings().one()
    facts: dict[str, object] = {"intent": {name: audit.canonical_value(value) for name, value in stored.items()}}
    if isinstance(what, int):
        audit.append_command(connection, "amended", number, NOW, facts)
        return
    facts |= {"from": what.from_state, "to": what.to_state, "note": what.note}
    audit.append_command(connection, "step", number, what.at, facts)


def test_movements_found_before_they_had_ids_are_kept(empty_database_url: str) -> None:
    engine = opening.writing_engine(opening.parse_url(database_at_revision(empty_database_url, "0022")))
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO found (account, kind, symbol, asset, amount, at, is_certain)"
                " VALUES ('main', 'repay', '', 'USDT', '500.5', :at, true)"
            ),
            {"at": to_milliseconds(NOW)},
        )
    engine.dispose()
    upgrade(empty_database_url)
    with ReadStore.open(empty_database_url) as store:
        (kept,) = store.read(read_gap_movements, "main", NOW)
    assert kept == ForeignMovement("repay", CROSS, "USDT", Decimal("500.5"), NOW, True, "", NOW)
