"""The file that pauses all actions."""

from pathlib import Path

import pytest

from monitor.runtime.pause_file import exists


def test_it_pauses_while_it_exists(tmp_path: Path) -> None:
    path = tmp_path / "PAUSE"
    assert not exists(str(path))
    path.touch()
    assert exists(str(path))
    path.unlink()
    assert not exists(str(path))


def test_a_folder_and_a_dangling_link_count_too(tmp_path: Path) -> None:
    assert exists(str(tmp_path))
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nothing")
    assert exists(str(link))


@pytest.mark.parametrize("path", ["", "/no/such/folder/PAUSE", f"{__file__}/PAUSE"])
def test_without_a_file_nothing_is_paused(path: str) -> None:
    assert not exists(path)


def test_unreadable_pause_file_pauses() -> None:
    assert exists("/" + "x" * 5000)
