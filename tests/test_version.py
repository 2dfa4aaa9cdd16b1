"""The version with its commit."""

import subprocess
from pathlib import Path

from monitor import __version__
from monitor.version import describe_version, read_commit


def test_version_names_the_commit_of_the_checkout() -> None:
    version, _, commit = describe_version().partition(" ")
    assert version == __version__
    assert commit == f"({read_commit(Path(__file__).parents[1])})"


def test_commit_is_that_of_the_file_of_a_build(tmp_path: Path) -> None:
    (tmp_path / "COMMIT").write_text("0123456789ab\n")
    assert read_commit(tmp_path) == "0123456789ab"


def test_commit_of_a_folder_without_history_is_unknown(tmp_path: Path) -> None:
    assert read_commit(tmp_path) == ""


def test_changed_file_makes_the_commit_dirty(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        options = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
        done = subprocess.run(["git", *options, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    commit = git("rev-parse", "--short=12", "HEAD")
    assert read_commit(tmp_path) == commit
    (tmp_path / "file").write_text("two")
    assert read_commit(tmp_path) == f"{commit}-dirty"
