"""Conflicts that show only in resolved secrets: two channels that are answered in one place."""

from pathlib import Path

import pytest

from monitor.app.daemon import check_secrets
from monitor.config.conflicts.secret_conflicts import find_readable_secret_conflicts
from monitor.config.loading import load_config
from monitor.errors import ConfigError
from tests.config.minimal_config import write_config
from tests.support.command import margin_monitor

KEY = "a" * 32
ACCOUNT = f'[[accounts]]\nname = "main"\napi_key = "{KEY}"\napi_secret = "{KEY}"\n'
BOT, OTHER_BOT = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc", "987654321:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


def tables(folder: Path, first: str, second: str) -> str:
    """Two channels with their answers; the second address is behind a reference."""
    (folder / "second-url").write_text(f"tgram://{second}\n")
    (folder / "second-url").chmod(0o600)
    urls = {"first": f"tgram://{first}", "second": "file:second-url"}
    return ACCOUNT + "".join(
        f'[[channels]]\nname = "{name}"\nurl = "{url}"\n[[replies]]\nchannel = "{name}"\nusers = [7]\n'
        for name, url in urls.items()
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{BOT}/42", f"bot{BOT}/42/?silent=yes"),
        (f"{BOT}/-100123:7", f"{BOT}/-100123?topic=7"),
        (f"{BOT}/@Room", f"{BOT}/?to=@room"),
    ],
)
def test_two_channels_in_one_place_are_refused(first: str, second: str, tmp_path: Path) -> None:
    path = write_config(tmp_path, tables(tmp_path, first, second))
    with pytest.raises(ConfigError) as caught:
        check_secrets(load_config(path, {}))
    assert str(caught.value) == (
        'config.toml: replies[1] "second".channel: answers in the very chat of replies[0] "first": the same bot, '
        "chat and topic; give this channel another chat or topic, or remove this [[replies]] and name all users in the "
        "other"
    )
    checked = margin_monitor(path, "check", "--offline", "--json").json()["items"]
    assert [row["name"] for row in checked if "answers in the very chat" in row["detail"]] == ["secrets"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{BOT}/42", f"{BOT}/43"),
        (f"{BOT}/-100123:7", f"{BOT}/-100123:8"),
        (f"{BOT}/-100123", f"{BOT}/-100123:8"),
        (f"{BOT}/42", f"{OTHER_BOT}/42"),
        (f"{BOT}/42", "no address at all"),
    ],
)
def test_channels_in_other_places_do_not_conflict(first: str, second: str, tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, tables(tmp_path, first, second)), {})
    assert find_readable_secret_conflicts(config) == []
