"""The generated manual page: current, complete, and readable by man."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.man_page import MAN_PAGE, main, man_page
from monitor.cli.parser import COMMANDS
from tests.docs.pages import CHECKOUT


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse of each Python words usage lines its own way")
def test_man_page_is_current() -> None:
    found = (CHECKOUT / MAN_PAGE).read_text(encoding="utf-8")
    assert found == man_page(), "run `./dev run python -m docs.generate.man_page`"


def test_man_page_is_the_same_on_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main([str(tmp_path / "page.1")]) == 0
    assert (tmp_path / "page.1").read_text(encoding="utf-8") == man_page()


def test_man_formats_every_command_without_a_warning() -> None:
    if shutil.which("man") is None or shutil.which("groff") is None:
        assert os.environ.get("CI") != "true", "man is missing; install the Debian package man-db"
        pytest.skip("man is missing (Debian package man-db)")
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MANROFFOPT": "-c"}
    command = ["man", "--warnings", "--local-file", str(CHECKOUT / MAN_PAGE)]
    formatted = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert formatted.stderr == ""
    plain = re.sub(".\b", "", formatted.stdout)
    for name in COMMANDS:
        assert f"   margin-monitor {name}\n" in plain
    assert "EXIT STATUS" in plain
