"""Whether a daemon noticed that its machine slept: by all that its log says of it."""

from pathlib import Path
from typing import Any, cast

from tests.campaign.clocks import told_s
from tests.campaign.daemon import Life

SAID = "WARNING monitor.runtime.clock_watch: clock.jumped kind='suspend' seconds="


def told(folder: Path, *lines: str) -> float:
    log = folder / "log-1"
    log.write_text("\n".join(lines))
    return told_s(Life(cast("Any", None), log))


def test_what_is_said_of_several_sleeps_is_counted_together(tmp_path: Path) -> None:
    assert told(tmp_path, f"{SAID}1.000", "daemon.stopped", f"{SAID}80.000") == 81


def test_another_jump_is_no_sleep(tmp_path: Path) -> None:
    assert told(tmp_path, "clock.jumped kind='wall clock' seconds=30.000") == 0


def test_nothing_is_said_where_there_is_no_log(tmp_path: Path) -> None:
    assert told_s(Life(cast("Any", None), tmp_path / "none")) == 0
