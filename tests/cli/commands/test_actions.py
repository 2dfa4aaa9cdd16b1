"""The `actions` command, run as a user runs it, against a database written by the store's own hand."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.alert import Alert, AlertKey, AlertState
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry
from monitor.core.model.order import Repay
from monitor.store.store import Store
from tests.support.command import CommandOutput, margin_monitor, write_config

S = IntentState
PATHS: dict[IntentState, Sequence[IntentState]] = {
    S.PROPOSED: (S.PROPOSED,),
    S.CONFIRMED: (S.PLANNED, S.SUBMITTING, S.ACKNOWLEDGED, S.CONFIRMED),
    S.UNRESOLVED: (S.PLANNED, S.SUBMITTING, S.UNCERTAIN, S.UNRESOLVED),
}


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Path:
    """A config whose database holds a proposed (1), a confirmed (2) and an unresolved (3) intent."""
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    asyncio.run(_write_store(tmp_path))
    return write_config(tmp_path)


async def _write_store(folder: Path) -> None:
    now = datetime.now(UTC)
    alert = Alert(
        17, AlertKey("near-call", "main", "cross"), AlertState.FIRING, "critical", now, "", "", "", fired_at=now
    )
    store = Store.open(f"sqlite:///{folder / 'monitor.db'}")
    try:
        await store.commit(JournalEntry("main", now, alerts=(alert,)))
        for number, (state, path) in enumerate(PATHS.items(), start=1):
            intent = Intent(
                id=number,
                plan=17,
                action="repay-usdt",
                kind="repay",
                mode="approve" if state is S.PROPOSED else "live",
                account="main",
                order=Repay(CROSS, "USDT", Decimal(500)),
                state=path[0],
                amount_usdt=Decimal(500),
                created_at=now - timedelta(seconds=90),
                alert=17,
                reason="repay part of the USDT owed",
                level_before=Decimal("1.2999"),
                level_after=Decimal("1.35"),
                ref="100000001" if state is S.CONFIRMED else None,
                expires_at=now + timedelta(minutes=5) if state is S.PROPOSED else None,
            )
            before: IntentState | None = None
            steps = []
            for to in path:
                steps.append(IntentStep(number, before, to, now, f"now {to.lower()}"))
                before = to
            await store.commit(
                JournalEntry("main", now, intents=(replace(intent, state=state),), intent_steps=tuple(steps))
            )
    finally:
        await store.close()


def state_of(config: Path, number: int) -> str:
    found: str = margin_monitor(config, "actions", "show", str(number), "--json").json()["state"]
    return found


def error_of(said: CommandOutput) -> str:
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    return said.err


def test_open_intents_are_listed_and_all_with_all(config: Path) -> None:
    under_way = margin_monitor(config, "actions", "--json").json()["items"]
    assert [(item["id"], item["state"]) for item in under_way] == [(3, "UNRESOLVED"), (1, "PROPOSED")]
    everything = margin_monitor(config, "actions", "--all", "--jsonl").out.splitlines()
    assert len(everything) == 3


def test_the_table_names_state_amount_and_alert(config: Path) -> None:
    said = margin_monitor(config, "actions", "--all")
    assert (said.code, said.err) == (0, "")
    row = next(line for line in said.out.splitlines() if "CONFIRMED" in line)
    assert "500 USDT" in row
    assert "#17" in row


def test_show_lists_every_step(config: Path) -> None:
    said = margin_monitor(config, "actions", "show", "2")
    lines = said.out.splitlines()
    for words in ("intent 2", "repay", "500 USDT"):
        assert words in lines[0]
    assert "#17" in lines[1]
    assert lines[2] == "level 1.29 → 1.35"
    assert [line.split()[3] for line in lines[3:7]] == ["PLANNED", "SUBMITTING", "ACKNOWLEDGED", "CONFIRMED"]
    assert "100000001" in lines[7]


@pytest.mark.parametrize("words", [("--json", "show", "2"), ("show", "2", "--json")])
def test_json_may_stand_before_or_after_the_part(config: Path, words: tuple[str, ...]) -> None:
    document = margin_monitor(config, "actions", *words).json()
    assert document["tran_id"] == "100000001"
    assert [step["state"] for step in document["steps"]] == ["PLANNED", "SUBMITTING", "ACKNOWLEDGED", "CONFIRMED"]


def test_approve_and_reject_answer_proposals_only(config: Path) -> None:
    assert "approved" in margin_monitor(config, "actions", "approve", "1").out
    assert "rejected" in margin_monitor(config, "actions", "reject", "1").out
    assert "rejected already" in error_of(margin_monitor(config, "actions", "approve", "1"))
    assert "only a PROPOSED one" in error_of(margin_monitor(config, "actions", "approve", "2"))


def test_pause_and_resume_say_what_changed(config: Path) -> None:
    assert margin_monitor(config, "actions", "pause", "--json").json() == {"paused": True, "changed": True}
    assert "already paused" in margin_monitor(config, "actions", "pause").out
    assert margin_monitor(config, "status", "--json").json()["daemon"]["paused"] is True
    assert margin_monitor(config, "actions", "resume", "--json").json() == {
        "paused": False,
        "changed": True,
        "lifted": [],
    }


def test_resolve_settles_an_unresolved_intent_for_good(config: Path) -> None:
    words = ("actions", "resolve", "3", "--as", "confirmed", "--comment", "seen in the history", "--author", "me")
    assert margin_monitor(config, *words).code == 0
    document = margin_monitor(config, "actions", "show", "3", "--json").json()
    assert document["state"] == "CONFIRMED"
    assert document["evidence"] == "resolved by me: seen in the history"
    assert "only an UNRESOLVED one" in error_of(margin_monitor(config, *words))
    assert state_of(config, 3) == "CONFIRMED"


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("show", "x"),
        ("show", "0"),
        ("resolve", "3", "--as", "perhaps", "--comment", "c"),
        ("resolve", "3", "--as", "failed"),
        ("resolve", "3", "--as", "failed", "--comment", " "),
        ("verify", "--head", "5"),
        ("forget", "3"),
    ],
)
def test_mistakes_are_usage_errors_on_one_line(config: Path, words: tuple[str, ...]) -> None:
    said = margin_monitor(config, "actions", *words)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_unknown_number_is_reported_with_the_fix(config: Path) -> None:
    assert "actions --all" in error_of(margin_monitor(config, "actions", "show", "99"))
    assert "actions --all" in error_of(margin_monitor(config, "actions", "approve", "99"))


def test_empty_list_is_no_error(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = write_config(tmp_path)
    assert margin_monitor(config, "actions").out == "no action is under way\n"
    assert margin_monitor(config, "actions", "--json").json() == {"items": [], "stops": []}


def test_verify_confirms_the_trail_or_names_the_problem(config: Path) -> None:
    whole = margin_monitor(config, "actions", "verify", "--json")
    assert whole.code == 0
    assert json.loads(whole.out)["ok"]
    cut = margin_monitor(config, "actions", "verify", "--head", f"999:{'0' * 64}")
    assert cut.code == 1
    assert "its end was cut off or replaced" in cut.out
