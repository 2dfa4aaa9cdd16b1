"""A command on a machine whose wall clock is wrong: what is ordered and shown goes by the daemon's time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.core.numbers.durations import parse_since
from monitor.store.command_store import ReadStore
from monitor.store.commands_in_force import read_pause
from tests.support.clocks.faketime import needs_faketime, wall_clock_offset
from tests.support.command import margin_monitor
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import sandbox

GENEROUS = timedelta(minutes=2)
"""What a busy machine may take between the readings; the wall clocks are further off."""


@needs_faketime
@pytest.mark.slow
@pytest.mark.parametrize("off", ["+3h", "-3h"])
async def test_commands_and_output_use_the_time_of_the_daemon(tmp_path: Path, off: str) -> None:
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready)
        async with daemon_process(config) as child:
            await child.wait_for_line("stream=market connected=True")

            async def is_noted() -> bool:
                said = margin_monitor(config, "status", "--json", environ=wall_clock_offset(off))
                return said.code == 0 and is_near(said.json()["generated_at"], timedelta())

            await eventually(is_noted, 60, story=lambda: child.text)
            silence = ("silence", "add", "rule=thin", "--duration", "1h", "--comment", "a test", "--json")
            made = margin_monitor(config, *silence, environ=wall_clock_offset(off)).json()
            assert is_near(made["starts_at"], timedelta())
            assert is_near(made["ends_at"], timedelta(hours=1))
            (listed,) = margin_monitor(config, "silence", "list", "--json", environ=wall_clock_offset(off)).json()[
                "items"
            ]
            assert (listed["id"], listed["state"]) == (made["id"], "active")
            (account,) = margin_monitor(config, "status", "--json", environ=wall_clock_offset(off)).json()["accounts"]
            assert account["state"] == "ok"
            assert account["cross"]["age_s"] < GENEROUS.total_seconds()
            margin_monitor(config, "actions", "pause", environ=wall_clock_offset(off))
            with ReadStore.open(f"sqlite:///{tmp_path}/monitor.db") as store:
                paused = store.read(read_pause)
            assert paused is not None
            assert abs(paused[1] - datetime.now(UTC)) < GENEROUS


def is_near(said: str, later: timedelta) -> bool:
    now = datetime.now(UTC)
    return abs(parse_since(said, now) - now - later) < GENEROUS
