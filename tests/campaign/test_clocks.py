"""Sleep of the machine that a daemon reported in its log."""

from pathlib import Path
from typing import Any, cast

from tests.campaign.clocks import reported_sleep_s
from tests.campaign.daemon import DaemonProcess

REPORT = "WARNING monitor.runtime.clock_jumps: clock.jumped kind='suspend' seconds="


def sleep_in(folder: Path, *lines: str) -> float:
    log = folder / "log-1"
    log.write_text("\n".join(lines))
    return reported_sleep_s(DaemonProcess(cast("Any", None), log))


def test_several_reported_sleeps_are_added(tmp_path: Path) -> None:
    assert sleep_in(tmp_path, f"{REPORT}1.000", "daemon.stopped", f"{REPORT}80.000") == 81


def test_another_jump_is_no_sleep(tmp_path: Path) -> None:
    assert sleep_in(tmp_path, "clock.jumped kind='wall clock' seconds=30.000") == 0


def test_missing_log_reports_no_sleep(tmp_path: Path) -> None:
    assert reported_sleep_s(DaemonProcess(cast("Any", None), tmp_path / "none")) == 0
