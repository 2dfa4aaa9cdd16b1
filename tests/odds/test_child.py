"""The child process: the same answer as in this process, and each way to fail named."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from monitor.core.model.odds import OddsUnavailable, WindowOdds
from monitor.core.model.price_history import HOUR
from monitor.errors import OddsFailed
from monitor.odds.calculation import measure_odds
from monitor.odds.child import measure_in_child
from monitor.odds.request import OddsRequest
from tests.odds.odds_examples import Bar, past_of, position, question

DAYS_31: list[Bar | None] = [("90", "110", "100"), *[("99", "101", "100")] * (31 * 24 - 1)]
HELD = question(position("BTC", "100", held="1"), position("USDT", "1", borrowed="75", rate="0.0001"))
UNKNOWN = question(position("NEW", "100", held="1"), position("USDT", "1", borrowed="75"))
REQUEST = OddsRequest(past_of(BTC=DAYS_31), (HELD, UNKNOWN), (HOUR * 24, HOUR * 168))


async def test_child_gives_the_same_answer() -> None:
    answers = await measure_in_child(REQUEST)
    assert answers == tuple(measure_odds(asked, REQUEST.past, REQUEST.windows) for asked in (HELD, UNKNOWN))
    assert isinstance(answers[0][0], WindowOdds)
    assert isinstance(answers[1][0], OddsUnavailable)


async def test_child_gets_none_of_the_secrets_of_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = tmp_path / "record"
    stand_in(monkeypatch, tmp_path, f'env >"{record}"; echo "$@" >>"{record}"; cat >/dev/null; exit 3')
    monkeypatch.setenv("BINANCE_SECRET", "s3cr3t-of-a-parent")
    with pytest.raises(OddsFailed, match="exit code 3"):
        await measure_in_child(REQUEST)
    assert "odds_process" in record.read_text()
    assert "s3cr3t" not in record.read_text()


async def test_killed_child_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, "kill -9 $$")
    with pytest.raises(OddsFailed, match="killed by signal 9"):
        await measure_in_child(REQUEST)


@pytest.mark.parametrize("end", ["kill -9 $$", "exit 3"])
def test_child_that_ended_before_it_was_asked_is_a_failure(
    end: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On the event loop of the program, as on a busy machine: the input is closed before anything is written."""
    stand_in(monkeypatch, tmp_path, end)
    start = asyncio.create_subprocess_exec

    async def start_and_be_late(*words: Any, **given: Any) -> asyncio.subprocess.Process:
        child = await start(*words, **given)
        await asyncio.sleep(0.2)
        return child

    async def measure() -> None:
        monkeypatch.setattr(asyncio, "create_subprocess_exec", start_and_be_late)
        with pytest.raises(OddsFailed, match=r"killed by signal 9|exit code (3|-9)"):
            await measure_in_child(REQUEST)

    pytest.importorskip("uvloop").run(measure())
    assert children() == []


async def test_unreadable_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, "cat >/dev/null; echo '[[{}]]'")
    with pytest.raises(OddsFailed, match="unreadable answer"):
        await measure_in_child(REQUEST)


async def test_child_is_killed_at_its_deadline() -> None:
    with pytest.raises(OddsFailed, match=r"not measured within 0\.001 s"):
        await measure_in_child(REQUEST, deadline_s=0.001)
    assert children() == []


async def test_failure_of_the_child_is_named_by_its_last_line() -> None:
    broken = OddsRequest(REQUEST.past, REQUEST.questions, (HOUR / 2,))
    with pytest.raises(OddsFailed, match="a window must be a whole number of hours"):
        await measure_in_child(broken)


async def test_missing_program_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OddsFailed, match="could not be started: No such file"):
        await measure_in_child(REQUEST)


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Start a shell script in place of Python."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def children() -> list[int]:
    """Children of this process that measure odds."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if f"\nPPid:\t{os.getpid()}\n" in status and "odds_process" in command:
                found.append(int(entry.name))
    return found
