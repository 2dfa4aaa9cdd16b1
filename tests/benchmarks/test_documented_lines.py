"""The command lines of docs/benchmarks.md, run to their end; what they find is not judged."""

import importlib
import inspect
import re
import shutil
import subprocess

import pytest

from benchmarks.__main__ import MODULES
from benchmarks.warning import DATA
from tests.docs.pages import CHECKOUT
from tests.docs.shell_lines import shell_lines

OF_ALL = "make bench ARGS=--quick"
ON_REAL_BARS = (".warning", ".past_nights", ".quiet")
LINES = [line for line in shell_lines() if line.startswith(("make bench", "python -m benchmarks."))]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("line", LINES)
def test_line_of_the_page_measures_something(line: str) -> None:
    if line.startswith("make ") and shutil.which("make") is None:
        pytest.skip("make is missing (Debian package make)")
    if line.endswith(ON_REAL_BARS) and not (DATA / "prices").is_dir():
        pytest.skip("the real bars are not at hand")
    done = run_line(line)
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert re.search(r"^\| .*\d" if line.endswith(ON_REAL_BARS) else r"^G\d+ .*\d", done.stdout, re.MULTILINE)
    if line == OF_ALL:
        measured = {words[0] for found in done.stdout.splitlines() if (words := found.split())}
        assert {name.replace("g0", "g").upper() for name in MODULES} <= measured


def test_every_benchmark_is_run_by_a_line() -> None:
    assert OF_ALL in LINES


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("python -m ")])
def test_module_that_is_called_can_be(line: str) -> None:
    _, _, module = line.split()
    assert 'if __name__ == "__main__":' in inspect.getsource(importlib.import_module(module))


def run_line(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in the checkout and its environment; `main`, where it is no branch here, is this commit."""
    branch = subprocess.run(["git", "rev-parse", "--quiet", "--verify", "main"], cwd=CHECKOUT, capture_output=True)
    typed = line if branch.returncode == 0 else line.replace("BASE=main", "BASE=HEAD")
    words = ["./dev", "run", "sh", "-c", typed]
    return subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=1700, check=False)
