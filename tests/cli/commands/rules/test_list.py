"""`rules list`: every rule as it holds, and what it looks at."""

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.core.model.journal import JournalEntry
from monitor.store.store import Store
from monitor.view.documents.account import account_document
from tests.support.command import margin_monitor, write_config
from tests.support.examples import documents

OWN = """
[[channels]]
name = "phone"
url = "json://127.0.0.1:9/x"

[[rules]]
name = "both"
scope = ["cross", "isolated"]
symbols = ["BTC*"]
when = "margin_level < 1.6"
clear = "margin_level > 1.7"
for = "90s"
severity = "critical"
channels = ["phone"]
actions = ["top-up"]

[[rules]]
name = "coins"
scope = "asset"
when = "owed > 0"

[[actions]]
name = "top-up"
kind = "transfer_in"
target = "margin_level >= 1.6"
"""


def config_of(folder: Path, more: str = "") -> Path:
    config = write_config(folder, more + OWN)
    config.write_text("default_rules = false\n" + config.read_text())
    return config


def items(config: Path) -> dict[str, dict[str, Any]]:
    said = margin_monitor(config, "rules", "list", "--json")
    assert (said.code, said.err) == (0, "")
    return {item["name"]: item for item in said.json()["items"]}


def test_rule_is_shown_as_in_force(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.write_text(config.read_text().replace('"secret"\n', '"secret"\nisolated = ["BTCUSDT", "ETHUSDT"]\n'))
    found = items(config)
    assert found["both"] == {
        "name": "both",
        "scope": ["cross", "isolated"],
        "when": "margin_level < 1.6",
        "clear": "margin_level > 1.7",
        "for_s": 90,
        "severity": "critical",
        "channels": ["phone"],
        "actions": ["top-up"],
        "subjects": 2,
    }
    coins = found["coins"]
    assert (coins["scope"], coins["clear"], coins["channels"], coins["subjects"]) == (
        "asset",
        "not (owed > 0)",
        ["phone"],
        0,
    )


def test_subjects_are_those_last_recorded(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = config_of(tmp_path)
    document = account_document(documents.STATE, documents.SETTINGS, documents.NOW, "1")
    held = {row["asset"] for row in document["cross"]["balances"]}
    pairs = [pair["symbol"] for pair in document["isolated"] if pair["state"] != "not_created"]
    asyncio.run(_write(tmp_path, json.dumps(document)))
    found = items(config)
    assert found["both"]["subjects"] == 1 + sum(pair.startswith("BTC") for pair in pairs) >= 1
    assert found["coins"]["subjects"] >= len(held) > 0


def test_asset_without_a_peg_is_no_subject_of_a_peg_rule(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = write_config(tmp_path)
    document = account_document(documents.STATE, documents.SETTINGS, documents.NOW, "1")
    assert {row["asset"] for row in document["cross"]["balances"]} <= {"BTC", "ETH", "USDT"}
    asyncio.run(_write(tmp_path, json.dumps(document)))
    assert items(config)["depeg"]["subjects"] == 0


def test_tracking_asset_is_a_subject_of_peg_rules(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = write_config(tmp_path, more='[risk]\npegs = { STETH = "ETH", WBETH = "ETH" }')
    document = account_document(documents.STATE, documents.SETTINGS, documents.NOW, "1")
    row = document["cross"]["balances"][0]
    document["cross"]["balances"] += [{**row, "asset": name, "free": "1"} for name in ("STETH", "USDC", "BNSOL")]
    asyncio.run(_write(tmp_path, json.dumps(document)))
    # BNSOL is pegged to nothing here.
    assert [items(config)[name]["subjects"] for name in ("depeg", "depeg-critical")] == [2, 2]


def test_the_table_has_a_line_a_rule(tmp_path: Path) -> None:
    said = margin_monitor(write_config(tmp_path), "rules", "list")
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert lines[0].split() == ["rule", "scope", "when", "for", "severity", "channels", "actions", "subjects"]
    assert any(line.startswith("near-call ") for line in lines)
    assert lines[-1] == "subjects are those that the configuration names, since nothing is recorded yet"


async def _write(folder: Path, live: str) -> None:
    store = Store.open(f"sqlite:///{folder / 'monitor.db'}", create=False)
    await store.commit(JournalEntry("main", datetime.now(UTC), live=live))
    await store.close()
