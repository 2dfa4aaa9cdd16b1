"""The demo tells a true story, and fails when a part that the story needs is taken away."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.view.documents.types.demo import DemoDocument
from tests.support.examples.document_types import json_form

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SABOTAGE = {
    "executor": """
import asyncio
from monitor.runtime.orders.executor import Executor
async def never(self):
    await asyncio.Event().wait()
Executor.run = never
""",
    "rules": """
from monitor.core.alerting import evaluation
evaluation.evaluate_rules = lambda snapshot, *args, **named: evaluation.Evaluation(snapshot.state.alerts)
""",
    "stream": """
import asyncio
from monitor.exchange.binance.streams.binance_streams import BinanceStreams
async def never(self):
    await asyncio.Event().wait()
BinanceStreams.run = never
""",
}
"""Python that every process of the demo runs at its start: the part named is there, but does nothing."""

ONE_ATTEMPT = "from monitor.cli.commands import demo\ndemo.ATTEMPTS = 1\n"
TOO_FAST = "from monitor.cli.commands import demo\ndemo.DEMO_SPEED *= 8\ndemo.ATTEMPTS = 5\n"


def play(folder: Path, start: str = "") -> subprocess.CompletedProcess[str]:
    """The demo; `start` is Python that each of its processes runs first."""
    (folder / "sitecustomize.py").write_text(start, encoding="utf-8")
    environ = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "monitor", "demo", "--json", "--output", str(folder / "demo")],
        capture_output=True,
        text=True,
        env=environ,
        timeout=290,
        check=False,
    )


def test_guarded_account_survives_and_the_unguarded_is_liquidated(tmp_path: Path) -> None:
    done = play(tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    document = json_form(json.loads(done.stdout), DemoDocument)
    unguarded, guarded = document["runs"]
    assert document["ok"] is True
    assert document["scenario"] == "crash-2025-10-10"
    assert unguarded["liquidated_at"].startswith("2025-10-10T21:2")
    first = next(a for a in unguarded["alerts"] if a["rule"] == "below-initial" and a["scope"] == "cross")
    assert float(first["minutes_before_liquidation"]) > 15
    # The lowest level that was read: the fall of the last minute goes on between two reads.
    assert float(unguarded["lowest_level"]) < 1.25
    assert unguarded["actions"] == []
    assert guarded["liquidated_at"] is None
    assert float(guarded["lowest_level"]) > 1.15
    assert float(guarded["moved"]["repaid"]["USDT"]) > 5000
    assert float(guarded["moved"]["transferred_in"]["USDT"]) > 5000
    assert all(a["state"] in ("CONFIRMED", "REFUSED", "EXPIRED") for a in guarded["actions"])
    kinds = {moment["kind"] for moment in document["timeline"]}
    assert {"alert", "told", "action", "liquidation", "resolved"} <= kinds
    assert Path(document["picture"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("part", SABOTAGE)
def test_demo_fails_without(part: str, tmp_path: Path) -> None:
    done = play(tmp_path, SABOTAGE[part] + ONE_ATTEMPT)
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert json.loads(done.stdout)["ok"] is False


def test_story_that_a_slow_machine_spoils_is_played_again_at_half_the_speed(tmp_path: Path) -> None:
    done = play(tmp_path, TOO_FAST)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "played again at half the speed" in done.stderr
    assert json.loads(done.stdout)["ok"] is True
