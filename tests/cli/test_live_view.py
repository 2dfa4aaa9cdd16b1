"""Showing again and again: blocks into a pipe, in place on a terminal, and a clean end on Ctrl-C."""

import itertools
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.cli.live_view import PIPE_INTERVAL_S, redraw_text, watch
from tests.support.cli_process import open_terminal
from tests.support.command import write_config
from tests.support.timeouts import DEADLINE_FACTOR

HOME = b"\x1b[H"
WITHIN_S = 30.0 * DEADLINE_FACTOR


def frames_until(frames: int, waited: list[float]) -> Callable[[float], None]:
    """A wait that is interrupted as by Ctrl-C after so many frames."""

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == frames:
            raise KeyboardInterrupt

    return wait


def test_a_pipe_gets_one_block_after_the_other_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    numbers, waited = itertools.count(1), list[float]()
    watch(lambda: print(f"frame {next(numbers)}"), frames_until(3, waited))
    assert capsys.readouterr().out == "frame 1\n\nframe 2\n\nframe 3\n"
    assert waited == [PIPE_INTERVAL_S] * 3


def test_a_frame_is_written_over_the_one_before() -> None:
    assert redraw_text("one\ntwo\n", 80, 24) == "\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J"


def test_a_frame_never_scrolls_the_terminal() -> None:
    shown = redraw_text("\n".join("abcdef"), 80, 5)
    assert shown == "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n… 3 more lines: make the terminal higher\x1b[K\n\x1b[J"
    assert redraw_text("\n".join("abcd"), 80, 5).count("\n") == 4


def test_long_line_counts_its_wrapped_rows_without_colour_codes() -> None:
    assert "… 2 more" in redraw_text(f"{'x' * 25}\nb\nc", 10, 5)
    assert "more" not in redraw_text(f"\x1b[31m{'x' * 9}\x1b[0m\nb\nc", 10, 5)


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_ends_status_watch_cleanly(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = write_config(tmp_path)
    ours, theirs = open_terminal()
    command = [sys.executable, "-m", "monitor", "--config", str(config), "status", "--watch"]
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    seen = b""
    try:
        deadline = time.monotonic() + WITHIN_S
        while seen.count(HOME) < 2:
            assert time.monotonic() < deadline, seen
            if select.select([ours], [], [], 0.2)[0]:
                seen += os.read(ours, 65_536)
        child.send_signal(signal.SIGINT)
        assert child.wait(WITHIN_S) == 0
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    assert b"Traceback" not in seen
    assert b"nothing is known yet" in seen
