"""Lines of the pages that install: pip's lead to a command that runs, those of root put each unit in its place."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, blocks
from tests.docs.shell_lines import shell_lines
from tests.support.cli_process import run_cli

HOME, SYSTEM = "~/margin-monitor", "/opt/margin-monitor"
UNITS = "/etc/systemd/system"
INSTALLS = ("-m venv ", "/bin/pip install ")


def install_lines(page: str, place: str) -> list[str]:
    """The lines of a page that install into an environment at `place`, as for one at home."""
    texts = [block.text for block in blocks("sh") if block.page.name == page]
    found = [line for text in texts for line in text.splitlines() if any(word in line for word in INSTALLS)]
    return [line.replace(place, HOME) for line in found]


def run_line(line: str, home: Path, folder: Path = CHECKOUT) -> str:
    """Run a line by a shell in `folder`, and return what it prints. Raises AssertionError for an exit code."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
    given = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8", **kept}
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=given, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_every_page_installs_alike() -> None:
    lines = install_lines("start.md", HOME)
    assert len(lines) == 3
    assert install_lines("install.md", HOME) == install_lines("operations.md", SYSTEM) == lines


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_lines_lead_to_a_command_that_runs(tmp_path: Path) -> None:
    for line in (*install_lines("start.md", HOME), *install_lines("telegram.md", HOME)):
        run_line(line, tmp_path)
    command = tmp_path / "margin-monitor" / "bin" / "margin-monitor"
    said = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.startswith("margin-monitor ")


def test_units_go_where_systemd_reads_them(tmp_path: Path) -> None:
    """The lines of root, below another root: each file is one that `init` has written, and there are no more."""
    assert run_cli(tmp_path, "init", "--systemd", "units").code == 0
    units = {path.name for path in (tmp_path / "units").iterdir()}
    installs = [line for line in shell_lines() if line.startswith("install ")]
    for line in installs:
        *words, source, target = shlex.split(line)
        below = tmp_path / target.removeprefix("/")
        if "-D" not in words:
            below.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([*words, source, below], cwd=tmp_path, check=True, timeout=60)
        text = below.read_text(encoding="utf-8")
        assert text.startswith(f"# To {target}, ") or ("\n[Service]\n" in text and target == f"{UNITS}/{below.name}")
    assert {Path(line.split()[-2]).name for line in installs} == units


def test_link_leads_to_the_command_that_the_units_run() -> None:
    (line,) = (line for line in shell_lines() if line.startswith("ln -s "))
    _, _, source, target = line.split()
    assert source == f"{SYSTEM}/bin/margin-monitor"
    unit = (CHECKOUT / "systemd" / "margin-monitor.service").read_text(encoding="utf-8")
    assert re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE) == [target]
