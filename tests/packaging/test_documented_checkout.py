"""The lines of a clone: the demonstration as a new user starts it, in a clone that has nothing but git's files."""

import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT
from tests.docs.shell_lines import shell_lines
from tests.packaging.test_documented_installation import run_line

DEMOS = [line for line in shell_lines() if line.startswith("./dev demo")]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_demonstration_sets_itself_up_in_a_clone_and_draws_both_runs(tmp_path: Path) -> None:
    clone = tmp_path / "margin-monitor"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", CHECKOUT, clone], check=True, timeout=120)
    assert DEMOS == ["./dev demo", "./dev demo --output crash"]
    for line in DEMOS:
        endings = dict(text.split(": ", 1) for text in run_line(line, tmp_path, clone).splitlines()[-3:])
        assert list(endings) == ["unguarded", "guarded", "picture"]
        assert (clone / endings["picture"]).read_bytes().startswith(b"\x89PNG")
    assert (clone / "crash" / "demo.png").is_file()


def test_ci_runs_the_other_line_of_the_readme() -> None:
    assert "./dev test" in shell_lines()
    assert "./dev test" in (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
