"""A database password is a secret wherever in the URL it stands."""

import stat
from pathlib import Path

import pytest

from monitor.config.loading import build_config
from monitor.config.model import mask_password
from monitor.config.redaction import redact
from monitor.errors import ConfigError

CONFIG = """
[storage]
url = "{url}"
[[accounts]]
name = "main"
api_key = "env:KEY"
api_secret = "env:SECRET"
"""

URLS = (
    "postgresql+psycopg://me:swordfish7@127.0.0.1/db",
    "postgresql+psycopg:///db?host=/run/postgresql&user=me&password=swordfish7",
)


@pytest.mark.parametrize("url", URLS)
def test_database_password_is_refused_in_a_readable_file(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        build_config(CONFIG.format(url=url).encode(), tmp_path / "config.toml", {}, stat.S_IRUSR | stat.S_IRGRP)


@pytest.mark.parametrize("url", URLS)
def test_database_password_is_never_shown(url: str, tmp_path: Path) -> None:
    config = build_config(CONFIG.format(url=url).encode(), tmp_path / "config.toml", {}, stat.S_IRUSR)
    assert "swordfish7" not in mask_password(url)
    assert "swordfish7" not in config.storage_url
    assert "swordfish7" not in redact(f"could not connect with {url}")
