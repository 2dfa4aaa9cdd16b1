"""The file that pauses all actions."""

from pathlib import Path

import pytest

from monitor.runtime.pause_file import is_there


def test_it_pauses_while_it_exists(tmp_path: Path) -> None:
    path = tmp_path / "PAUSE"
    assert not is_there(str(path))
    path.touch()
    assert is_there(str(path))
    path.unlink()
    assert not is_there(str(path))


def test_a_folder_and_a_dangling_link_count_too(tmp_path: Path) -> None:
    assert is_there(str(tmp_path))
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nothing")
    assert is_there(str(link))


@pytest.mark.parametrize("path", ["", "/no/such/folder/PAUSE", f"{__file__}/PAUSE"])
def test_without_a_file_nothing_is_paused(path: str) -> None:
    assert not is_there(path)


def test_what_cannot_be_looked_at_pauses() -> None:
    assert is_there("/" + "x" * 5000)
