"""Outputs that the pages show, and requests that they send: each is what the program prints and takes."""

import asyncio
import calendar
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands.test_stress_past import FALLS, fill_past, new_config
from tests.docs.pages import Block, blocks
from tests.docs.shell_lines import shell_lines
from tests.integration.web.page_examples import alarmed_daemon
from tests.integration.web.served_daemon import TOKEN
from tests.support.command import margin_monitor

_MONTHS = "|".join(calendar.month_name[1:])
MOMENT = re.compile(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d|\b\d{{1,2}} (?:{_MONTHS})\b")
"""A time or a day, which depends on when the program is asked."""

LEFT_OUT = "…"


def sessions(block: Block) -> dict[str, list[str]]:
    """The shown lines by the line that was typed."""
    parts = [part.splitlines() for part in block.text.removeprefix("$ ").split("\n$ ")]
    return {typed: shown for typed, *shown in parts}


SESSIONS = {line: shown for block in blocks("console") for line, shown in sessions(block).items()}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A config whose database has the account and the past of the page *Sizing a debt*."""
    file = new_config(tmp_path_factory.mktemp("sizing"), sqlite_template)
    fill_past(file, BTC=FALLS, ETH={})
    return file


def pieces(shown: list[str]) -> list[str]:
    """The shown parts of an output between lines that are left out, without times."""
    text = MOMENT.sub("AT", "\n".join(shown))
    return [part.strip("\n") for part in text.split(LEFT_OUT) if part.strip("\n")]


@pytest.mark.parametrize("line", SESSIONS)
def test_program_prints_what_the_page_shows(line: str, config: Path) -> None:
    said = margin_monitor(config, *shlex.split(line)[1:])
    assert said.code == 0, said.err
    printed, end = MOMENT.sub("AT", said.out), 0
    for piece in pieces(SESSIONS[line]):
        assert piece in printed[end:], f"{piece}\n--- is not in\n{printed[end:]}"
        end = printed.index(piece, end) + len(piece)
    if LEFT_OUT not in SESSIONS[line]:
        assert printed.strip() == pieces(SESSIONS[line])[0].strip()


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("curl ")])
async def test_request_of_the_page_acknowledges_an_alert(line: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        assert os.environ.get("CI") != "true", "curl is missing; install the Debian package curl"
        pytest.skip("curl is missing (Debian package curl)")
    (tmp_path / "http-token").write_text(f"{TOKEN}\n", encoding="utf-8")
    async with alarmed_daemon(tmp_path / "daemon") as alarm:
        host, port = alarm.served.address
        assert "http://127.0.0.1:9184/api/v1/alerts/17/" in line
        typed = line.replace("127.0.0.1:9184", f"{host}:{port}").replace("/alerts/17", alarm.alert)
        answer = await asyncio.to_thread(_run_shell, typed, tmp_path)
        assert '"selling by hand"' in answer
        (document,) = (await alarm.served.get("/api/v1/alerts")).json()["items"]
    assert document["acked"]["comment"] == "selling by hand"


def _run_shell(line: str, folder: Path) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = ["sh", "-c", line]
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True, timeout=60)
    return ended.stdout
