"""`export`: what a spreadsheet and a tax tool read."""

import asyncio
import csv
import io
import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.app.documents.exports import EXPORTS
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.alert import AlertState
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.model.ledger import Movement
from monitor.core.numbers.amounts import INFINITE
from monitor.store.store import Store
from monitor.store.writes.interest import record_charges
from monitor.store.writes.movements import write_movements
from tests.support.command import margin_monitor, write_config
from tests.support.examples.document_types import json_form
from tests.support.examples.store_rows import NOW, alert, at, charge, intent, planned_entry


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Path:
    """A config whose database holds something of every history."""
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    asyncio.run(_fill(f"sqlite:///{tmp_path / 'monitor.db'}"))
    return write_config(tmp_path)


async def _fill(url: str) -> None:
    store = Store.open(url, create=False)
    pair = charge(2, scope=Scope("BTCUSDT"), asset="BTC", hours=1, amount="0.000000010")
    await store.execute(record_charges, "main", CROSS, (charge(1, amount="1234567.00000001"),), None)
    await store.execute(record_charges, "main", Scope("BTCUSDT"), (pair,), None)
    moved = Movement(
        *(CROSS, "transfer", "7", at(5), at(9), "USDT", Decimal("100.50"), "ROLL_IN", "another hand"),
        detail={"from": 'SPOT, "main"'},
    )
    await store.execute(write_movements, "main", (moved,))
    samples = (
        Sample("cross", "", "margin_level", NOW, Decimal("1.50")),
        Sample("cross", "", "drop_to_liquidation", NOW, INFINITE),
    )
    over = replace(
        alert(17, AlertState.RESOLVED), summary="margin level 1.21,\nbelow", fired_at=NOW, resolved_at=at(60)
    )
    await store.commit(JournalEntry("main", NOW, alerts=(over,), samples=samples))
    await store.commit(planned_entry(intent(3, IntentState.PLANNED, amount="500.10")))
    await store.close()


@pytest.mark.parametrize("history", EXPORTS)
def test_both_formats_hold_the_same_rows(config: Path, history: str) -> None:
    as_csv = margin_monitor(config, "export", history, "--format", "csv")
    as_lines = margin_monitor(config, "export", history, "--format", "jsonl")
    assert (as_csv.code, as_csv.err, as_lines.code, as_lines.err) == (0, "", 0, "")
    head, *rows = csv.reader(io.StringIO(as_csv.out, newline=""))
    assert tuple(head) == EXPORTS[history].columns
    documents = [json.loads(line) for line in as_lines.out.splitlines()]
    assert documents
    for document in documents:
        json_form(document, EXPORTS[history].row_type)
    assert rows == [[_cell(document[column]) for column in head] for document in documents]


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return {None: "", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)


def test_decimals_are_exact_and_times_in_utc(config: Path) -> None:
    interest = margin_monitor(config, "export", "interest").out
    assert interest.splitlines() == [
        "at,account,scope,symbol,asset,interest,principal,daily_rate,type,raw_asset,tx_id",
        "2025-10-10T21:00:00.000Z,main,cross,,USDT,1234567.00000001,1000,0.0003,PERIODIC,USDT,1",
        "2025-10-10T22:00:00.000Z,main,isolated,BTCUSDT,BTC,0.00000001,1000,0.0003,PERIODIC,BTC,2",
    ]


def test_text_with_commas_quotes_and_line_breaks_comes_back_whole(config: Path) -> None:
    (moved,) = csv.DictReader(io.StringIO(margin_monitor(config, "export", "movements").out, newline=""))
    assert json.loads(moved["detail"]) == {"from": 'SPOT, "main"'}
    (over,) = csv.DictReader(io.StringIO(margin_monitor(config, "export", "alerts").out, newline=""))
    assert (over["summary"], over["resolved_at"]) == ("margin level 1.21,\nbelow", "2025-10-10T21:01:00.000Z")


def test_missing_value_says_why(config: Path) -> None:
    rows = csv.DictReader(io.StringIO(margin_monitor(config, "export", "samples").out, newline=""))
    assert [(row["metric"], row["value"], row["missing"]) for row in rows] == [
        ("drop_to_liquidation", "", "infinite"),
        ("margin_level", "1.5", ""),
    ]


def test_time_is_chosen_by_since_and_until(config: Path) -> None:
    def charges(*words: str) -> int:
        return len(margin_monitor(config, "export", "interest", "--format", "jsonl", *words).out.splitlines())

    assert charges("--since", "2025-10-10T21:30:00Z") == 1
    assert charges("--until", "2025-10-10T22:00:00Z") == 1
    assert charges("--since", "2025-10-10", "--until", "2025-10-11") == 2
    assert charges("--since", "1h") == 0


def test_file_is_new_private_and_whole(config: Path) -> None:
    target = config.parent / "interest.csv"
    written = margin_monitor(config, "export", "interest", "--output", str(target))
    assert (written.code, written.out, written.err) == (0, "", f"wrote 2 rows to {target}\n")
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_bytes().count(b"\r\n") == 3
    again = margin_monitor(config, "export", "interest", "--output", str(target))
    assert (again.code, again.err) == (1, f"{target}: this file exists; name another one, or remove it\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("intrest",), 'history can\'t be "intrest"; did you mean "interest"?'),
        (("interest", "--since", "yesterday"), "--since: 'yesterday' is no point in time"),
        (("interest", "--since", "1d", "--until", "2d"), "--until: it is not after --since; give a later moment"),
        (("interest", "--format", "xml"), '--format can\'t be "xml"; did you mean'),
    ],
)
def test_impossible_export_is_one_line(config: Path, words: tuple[str, ...], line: str) -> None:
    refused = margin_monitor(config, "export", *words)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert refused.err.startswith(line)
