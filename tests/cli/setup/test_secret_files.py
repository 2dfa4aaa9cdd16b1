"""Typed secrets in files of their own: none replaces another, and a failed set-up leaves none behind."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.cli.config_template import InitAnswers
from monitor.cli.setup.secret_files import move_secrets, write_secrets
from monitor.errors import MonitorError

ANSWERS = InitAnswers("my account/1", "typed-key", "env:SECRET", "", None, (("phone", "tgram://t/1"),), "")


def test_typed_secrets_become_files_and_references_stay(tmp_path: Path) -> None:
    moved, files = move_secrets(ANSWERS, tmp_path)
    assert moved == replace(ANSWERS, api_key="file:my-account-1-key", channels=(("phone", "file:phone-url"),))
    assert files == {tmp_path / "my-account-1-key": "typed-key", tmp_path / "phone-url": "tgram://t/1"}
    write_secrets(files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_name_that_is_taken_is_never_chosen(tmp_path: Path) -> None:
    (tmp_path / "phone-url").write_text("another's")
    channels = (("phone", "tgram://t/1"), ("phone", "tgram://t/2"))
    moved, files = move_secrets(replace(ANSWERS, api_key="env:KEY", channels=channels), tmp_path)
    assert [url for _, url in moved.channels] == ["file:phone-url-2", "file:phone-url-3"]
    write_secrets(files)
    assert (tmp_path / "phone-url").read_text() == "another's"


def test_secrets_of_a_failed_set_up_are_removed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    first = tmp_path / "main-key"
    with pytest.raises(MonitorError, match="can't write"):
        write_secrets({first: "typed-key", tmp_path / "file" / "main-secret": "typed-secret"})
    assert not first.exists()
