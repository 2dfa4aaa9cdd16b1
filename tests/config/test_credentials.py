"""Resolving secrets: every kind of reference, and the line when it can't be."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.config.credentials import resolve_account, resolve_channel, resolve_database_url, resolve_http_token
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.config.templates import read_template
from monitor.errors import ConfigError
from tests.config.minimal_config import MINIMAL, write_config

ENVIRON = {"KEY": "keyFromEnv", "SECRET": "secret-from-env\n", "PHONE": "tgram://token/chat"}
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"


def _config(folder: Path, secret: str, environ: Mapping[str, str] = ENVIRON) -> Config:
    return load_config(write_config(folder, MINIMAL.replace('api_secret = "env:SECRET"', secret)), environ)


def test_environment_variables_are_read_without_their_newline(tmp_path: Path) -> None:
    keys = resolve_account(_config(tmp_path, 'api_secret = "env:SECRET"'), "main")
    assert keys.api_key.reveal() == "keyFromEnv"
    assert keys.api_secret is not None and keys.api_secret.reveal() == "secret-from-env"
    assert keys.private_key_pem is None and keys.action is None


def test_a_file_is_relative_to_the_config(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret-from-file\n")
    secret.chmod(0o600)
    keys = resolve_account(_config(tmp_path, 'api_secret = "file:secret"'), "main")
    assert keys.api_secret is not None and keys.api_secret.reveal() == "secret-from-file"


def test_a_credential_comes_from_the_service_manager_whatever_its_mode(tmp_path: Path) -> None:
    (tmp_path / "binance").write_text("secret-from-systemd")
    (tmp_path / "binance").chmod(0o440)
    environ = {**ENVIRON, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    keys = resolve_account(_config(tmp_path, 'api_secret = "credential:binance"', environ), "main")
    assert keys.api_secret is not None and keys.api_secret.reveal() == "secret-from-systemd"


def test_a_private_key_comes_with_its_passphrase(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(PEM)
    key.chmod(0o400)
    config = _config(tmp_path, 'private_key = "file:key.pem"\nprivate_key_passphrase = "open sesame"')
    keys = resolve_account(config, "main")
    assert keys.private_key_pem is not None and keys.private_key_pem.reveal() == PEM.strip()
    assert keys.passphrase is not None and keys.passphrase.reveal() == "open sesame"


def test_the_key_that_moves_money_is_apart(tmp_path: Path) -> None:
    second = 'action_api_key = "keyThatActs"\naction_api_secret = "secret-that-acts"'
    keys = resolve_account(_config(tmp_path, f'api_secret = "env:SECRET"\n{second}'), "main")
    assert keys.action is not None and keys.action.api_key.reveal() == "keyThatActs"
    assert keys.action.api_secret is not None and keys.action.api_secret.reveal() == "secret-that-acts"


PLACE = 'config.toml: accounts[0] "main"'


@pytest.mark.parametrize(
    ("secret", "line"),
    [
        ("env:NONE", ".api_secret: environment variable NONE is not set; set it, or name a file with file:PATH"),
        ("env:EMPTY", ".api_secret: env:EMPTY is empty; put the secret into it"),
        (
            "credential:key",
            ".api_secret: credential:key needs $CREDENTIALS_DIRECTORY, which is not set; "
            "run under systemd with LoadCredential=, or use file:PATH or env:NAME",
        ),
        ("file:none", ".api_secret: can't read FOLDER/none (No such file or directory); check the path and its owner"),
        (
            "file:open",
            ".api_secret: FOLDER/open gives permissions to group or others; chmod 600 FOLDER/open; or, for a mounted "
            "secret, credential:open with CREDENTIALS_DIRECTORY=FOLDER",
        ),
        ("file:binary", ".api_secret: FOLDER/binary is not text; expected is UTF-8 text, a PEM file for a key"),
    ],
)
def test_missing_secret_is_reported_with_place_and_fix(tmp_path: Path, secret: str, line: str) -> None:
    for name, mode in (("open", 0o640), ("binary", 0o600)):
        (tmp_path / name).write_bytes(b"\xff\xfe")
        (tmp_path / name).chmod(mode)
    config = _config(tmp_path, f'api_secret = "{secret}"', {**ENVIRON, "EMPTY": ""})
    with pytest.raises(ConfigError) as caught:
        resolve_account(config, "main")
    assert str(caught.value) == PLACE + line.replace("FOLDER", str(tmp_path))


def test_invalid_private_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_account(_config(tmp_path, 'private_key = "env:SECRET"'), "main")
    assert str(caught.value) == (
        f'{PLACE}.private_key: is not a private key in PEM; it begins with "-----BEGIN PRIVATE KEY-----"'
    )


def test_invalid_api_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_account(_config(tmp_path, 'api_secret = "env:SECRET"', {**ENVIRON, "KEY": "two words"}), "main")
    assert str(caught.value) == f"{PLACE}.api_key: is not an API key; an API key is one line of letters and digits"


def test_a_channel_address_is_resolved_and_checked(tmp_path: Path) -> None:
    address = resolve_channel(load_config(write_config(tmp_path), ENVIRON), "phone")
    assert address.url is not None and address.url.reveal() == "tgram://token/chat"
    plain = load_config(write_config(tmp_path), {**ENVIRON, "PHONE": "http://hooks.example/secret-path"})
    with pytest.raises(ConfigError) as caught:
        resolve_channel(plain, "phone")
    assert str(caught.value) == (
        'config.toml: channels[0] "phone".url: what env:PHONE holds http:// is for loopback hosts only; use https://'
    )


def test_accounts_of_a_file_are_not_shared(tmp_path: Path) -> None:
    text = MINIMAL + '[storage]\nurl = "env:DATABASE"\nlease = "account"\n'
    url = "postgresql+psycopg://me@127.0.0.1/margin"
    config = load_config(write_config(tmp_path, text), {**ENVIRON, "DATABASE": url})
    assert resolve_database_url(config).reveal() == url
    with pytest.raises(ConfigError) as caught:
        resolve_database_url(load_config(write_config(tmp_path, text), {**ENVIRON, "DATABASE": "sqlite:///a.db"}))
    assert str(caught.value) == (
        "config.toml: storage.lease: daemons can't share the accounts of a SQLite file; "
        'use postgresql+psycopg://… as [storage] url, or lease = "database"'
    )


def test_a_database_url_can_be_a_reference_and_shows_no_password(tmp_path: Path) -> None:
    text = MINIMAL + '[storage]\nurl = "env:DATABASE"\n'
    url = "postgresql+psycopg://me:database-password@127.0.0.1/margin"
    config = load_config(write_config(tmp_path, text), {**ENVIRON, "DATABASE": url})
    assert resolve_database_url(config).reveal() == url
    assert config.storage_url == "env:DATABASE"
    literal = load_config(write_config(tmp_path, text.replace("env:DATABASE", url)), ENVIRON)
    assert literal.storage_url == "postgresql+psycopg://me:***@127.0.0.1/margin"


def test_an_unknown_account_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_account(load_config(write_config(tmp_path), ENVIRON), "mian")
    assert str(caught.value) == 'config.toml: no account is called "mian"; there is: main'


@pytest.mark.parametrize("around", ["\ufeff{}\r\n", "{} ", "{}\t\n\n", "\u200b{}\u00a0", " {}\u2060"])
def test_invisible_characters_around_a_secret_are_stripped(tmp_path: Path, around: str) -> None:
    secret = tmp_path / "phone"
    secret.write_text(around.format("https://hooks.example/hook"), encoding="utf-8")
    secret.chmod(0o600)
    text = MINIMAL.replace('url = "env:PHONE"', 'webhook = "file:phone"')
    address = resolve_channel(load_config(write_config(tmp_path, text), ENVIRON), "phone")
    assert address.webhook is not None and address.webhook.reveal() == "https://hooks.example/hook"
    environ = {**ENVIRON, "SECRET": around.format("secret-from-env")}
    keys = resolve_account(_config(tmp_path, 'api_secret = "env:SECRET"', environ), "main")
    assert keys.api_secret is not None and keys.api_secret.reveal() == "secret-from-env"


def test_invisible_characters_within_a_secret_are_reported(tmp_path: Path) -> None:
    environ = {**ENVIRON, "SECRET": "secret\u200bfrom-env"}
    with pytest.raises(ConfigError) as caught:
        resolve_account(_config(tmp_path, 'api_secret = "env:SECRET"', environ), "main")
    said = str(caught.value)
    assert "character 7 of env:SECRET is invisible (U+200B, zero width space)" in said
    assert "from-env" not in said


def test_a_byte_order_mark_is_no_part_of_a_template(tmp_path: Path) -> None:
    (tmp_path / "message.txt").write_text("{{ title }}", encoding="utf-8-sig")
    text = MINIMAL.replace('url = "env:PHONE"', 'url = "env:PHONE"\ntemplate = "file:message.txt"')
    assert read_template(load_config(write_config(tmp_path, text), ENVIRON), "phone") == ("message.txt", "{{ title }}")


@pytest.mark.parametrize("token", ['"a"', '"fifteen-letters"', '"file:token"'])
def test_token_of_the_page_that_could_be_guessed_is_refused(tmp_path: Path, token: str) -> None:
    held = tmp_path / "token"
    held.write_text("fifteen-letters\n")
    held.chmod(0o600)
    config = load_config(write_config(tmp_path, f"{MINIMAL}\n[http]\ntoken = {token}\n"), ENVIRON)
    with pytest.raises(ConfigError) as refused:
        resolve_http_token(config)
    assert str(refused.value).endswith(
        "config.toml: http.token: is shorter than 16 characters: it could be guessed; "
        "`openssl rand -hex 32` makes a good one"
    )


def test_token_of_the_page_with_sixteen_characters_is_taken(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, f'{MINIMAL}\n[http]\ntoken = "sixteen-letters-"\n'), ENVIRON)
    token = resolve_http_token(config)
    assert token is not None and token.reveal() == "sixteen-letters-"
