"""`init` as a person sees it: asked, tried against an exchange and a channel, written, and checked at the end."""

import asyncio
import stat
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiKeySpec
from tests.cli.setup.terminal import TerminalSession, answer_questions
from tests.support.command import margin_monitor
from tests.support.daemon import starting_now
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import http_sink

WORDS = ("init", "--output", "etc/c.toml")
NO_CHANNEL = ("Where to send alerts", "")
PASSPHRASE = "a-passphrase-of-its-own"


@pytest.fixture
async def exchange() -> AsyncIterator[RunningSandbox]:
    async with sandbox(starting_now()) as running:
        yield running


async def set_up(
    home: Path,
    rest_url: str,
    *answers: tuple[str, str],
    more: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
) -> TerminalSession:
    words = (*WORDS, "--rest-url", rest_url, *more)
    return await asyncio.to_thread(answer_questions, home, words, answers, environ)


def written(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / "etc" / "c.toml").read_text())


async def test_wrong_answers_are_asked_again_and_the_end_is_a_green_check(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    (account,) = exchange.ready.accounts
    key, secret = account["api_key"], account["api_secret"]
    with http_sink() as phone:
        url = f"json://{phone.url.partition('://')[2]}"
        session = await set_up(
            tmp_path,
            exchange.ready.rest_url,
            ("Name of the account", "n" * 81),
            ("Name of the account", ""),
            ("API key", ""),
            ("API key", "env:NOT_SET"),
            ("API key", "no-key!"),
            ("API key", key),
            ("private key", "nowhere.pem"),
            ("private key", ""),
            ("API secret", "a-secret-of-another-key"),
            # The exchange refused it: the key stays, the secret is given anew.
            ("API key, empty for the same", ""),
            ("private key", ""),
            ("API secret, empty for the same", secret),
            ("Isolated pairs", "NOSUCHPAIR"),
            ("Isolated pairs", "btcusdt"),
            ("Where to send alerts", "no-url-at-all"),
            ("Name of the channel", ""),
            ("Another URL for phone", url),
            ("Send a test message", "perhaps"),
            ("Send a test message", "y"),
            ("One more channel", ""),
            ("Create the database", ""),
        )
        messages = phone.received
    assert session.code == 0, session.screen
    assert session.lines[-1].startswith("no check failed; next: margin-monitor --config ")
    for line in (
        "use one line of at most 80 characters",
        "nothing was answered; paste it",
        "environment variable NOT_SET is not set; set it",
        "this is no API key; it is one line",
        "can't read /",
        "give key and secret again",
        "the account has no isolated pair NOSUCHPAIR; it has BTCUSDT",
        '"perhaps" is neither yes nor no; answer y or n',
    ):
        assert sum(line in one for one in session.lines) == 1, line
    for hidden in (key, secret, "a-secret-of-another-key", url):
        assert hidden not in session.screen
    assert written(tmp_path) == {
        "exchange": {"rest_url": exchange.ready.rest_url},
        "accounts": [
            {
                "name": "main",
                "api_key": "file:main-key",
                "api_secret": "file:main-secret",
                "cross": True,
                "isolated": ["BTCUSDT"],
            }
        ],
        "channels": [{"name": "phone", "url": "file:phone-url"}],
    }
    files = {path.name: path for path in (tmp_path / "etc").iterdir()}
    assert {name: stat.S_IMODE(path.stat().st_mode) for name, path in files.items()} == dict.fromkeys(
        ("c.toml", "main-key", "main-secret", "phone-url"), 0o600
    )
    assert (files["main-key"].read_text(), files["main-secret"].read_text()) == (f"{key}\n", f"{secret}\n")
    assert files["phone-url"].read_text() == f"{url}\n"
    assert len(messages) == 1


async def test_references_to_the_environment_are_tried_and_written_as_they_are(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    (account,) = exchange.ready.accounts
    session = await set_up(
        tmp_path,
        exchange.ready.rest_url,
        ("API key", "env:KEY"),
        ("private key", ""),
        ("API secret", "env:SECRET"),
        ("Isolated pairs", "none"),
        NO_CHANNEL,
        ("Create the database", "n"),
        more=("--account", "two"),
        environ={"KEY": account["api_key"], "SECRET": account["api_secret"]},
    )
    assert session.code == 0, session.screen
    (found,) = written(tmp_path)["accounts"]
    assert (found["name"], found["api_key"], found["api_secret"], found["isolated"]) == (
        "two",
        "env:KEY",
        "env:SECRET",
        [],
    )
    assert [path.name for path in (tmp_path / "etc").iterdir()] == ["c.toml"]


@pytest.mark.slow
async def test_encrypted_private_key_asks_for_its_passphrase_until_it_fits(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    path = tmp_path / "ed25519.pem"
    path.touch(mode=0o600)
    path.write_bytes(locked)
    calm = calm_scenario()
    owner = replace(calm.accounts[0], keys=(ApiKeySpec("k" * 64, public_key=public),))
    async with sandbox(starting_now(replace(calm, accounts=(owner,)))) as running:
        session = await set_up(
            tmp_path,
            running.ready.rest_url,
            ("Name of the account", ""),
            ("API key", "k" * 64),
            ("private key", "ed25519.pem"),
            ("Passphrase", "another-passphrase"),
            ("API key, empty for the same", ""),
            ("private key", ""),
            ("Passphrase", PASSPHRASE),
            ("Isolated pairs", ""),
            NO_CHANNEL,
            ("Create the database", ""),
        )
        assert session.code == 0, session.screen
        config = tmp_path / "etc" / "c.toml"
        checked = await asyncio.to_thread(margin_monitor, config, "check", "--json")
    assert checked.json()["ok"], checked.out
    assert PASSPHRASE not in session.screen and PASSPHRASE not in config.read_text()
    assert (tmp_path / "etc" / "main-passphrase").read_text() == f"{PASSPHRASE}\n"


@pytest.mark.slow
async def test_exchange_that_is_not_there_can_be_skipped_and_loses_nothing(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    (account,) = exchange.ready.accounts
    await exchange.sandbox.stop()
    session = await set_up(
        tmp_path,
        exchange.ready.rest_url,
        ("Name of the account", ""),
        ("API key", account["api_key"]),
        ("private key", ""),
        ("API secret", account["api_secret"]),
        ("Enter tries again", "skip"),
        ("Isolated pairs", "BTCUSDT"),
        NO_CHANNEL,
        ("Create the database", ""),
    )
    assert session.code == 1, session.screen
    assert "fix what is named above" in session.lines[-1]
    assert (tmp_path / "etc" / "main-secret").read_text() == f"{account['api_secret']}\n"


async def test_place_that_cannot_be_written_is_asked_again_with_all_answers_kept(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    (account,) = exchange.ready.accounts
    (tmp_path / "etc").write_text("a file where a folder is wanted")
    session = await set_up(
        tmp_path,
        exchange.ready.rest_url,
        ("Isolated pairs", ""),
        NO_CHANNEL,
        ("Another file for the configuration", ""),
        ("Another file for the configuration", "other/c.toml"),
        ("Create the database", ""),
        more=("--account", "main", "--api-key", account["api_key"], "--api-secret", account["api_secret"]),
    )
    assert session.code == 0, session.screen
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["c.toml", "main-key", "main-secret"]
    assert account["api_secret"] not in (tmp_path / "other" / "c.toml").read_text()


async def test_private_key_given_as_itself_is_kept_and_never_shown(tmp_path: Path, exchange: RunningSandbox) -> None:
    """The exchange refuses it; Enter tries the same one again, and it goes into a file of its own."""
    (account,) = exchange.ready.accounts
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
    session = await set_up(
        tmp_path,
        exchange.ready.rest_url,
        ("API key, empty for the same", ""),
        ("private key (Ed25519 or RSA), empty for the same, none for a secret key", ""),
        ("API key, empty for the same", "skip"),
        ("Isolated pairs", "none"),
        NO_CHANNEL,
        ("Create the database", "n"),
        more=("--account", "main", "--api-key", account["api_key"], "--private-key", pem),
    )
    assert "the key is not tried" in session.screen
    assert "BEGIN" not in session.screen and pem.splitlines()[1] not in session.screen
    assert written(tmp_path)["accounts"][0]["private_key"] == "file:main-private-key"
    key = tmp_path / "etc" / "main-private-key"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == (f"{pem}\n", 0o600)
    assert pem.splitlines()[1] not in (tmp_path / "etc" / "c.toml").read_text()


async def test_parts_that_are_given_are_not_asked_and_a_wrong_one_is_not_repeated(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    (account,) = exchange.ready.accounts
    body = "MC4CAQAwBQYDK2VwBCIEIGnoheader"
    session = await set_up(
        tmp_path,
        exchange.ready.rest_url,
        ("private key", "-----BEGIN PRIVATE KEY-----"),
        ("private key", ""),
        ("API secret", account["api_secret"]),
        ("Isolated pairs", "none"),
        NO_CHANNEL,
        ("Create the database", "n"),
        more=("--account", "main", "--api-key", account["api_key"], "--private-key", body),
    )
    assert session.code == 0, session.screen
    assert "--private-key: is neither a private key nor a file; give file:PATH" in session.screen
    assert "can't be typed; answer the path of its file" in session.screen
    assert "API key" not in session.screen.replace("A key", "") and body not in session.screen
    assert (tmp_path / "etc" / "main-key").read_text() == f"{account['api_key']}\n"


async def test_lone_secret_leaves_the_key_to_be_asked_and_force_is_for_one_file(
    tmp_path: Path, exchange: RunningSandbox
) -> None:
    (account,) = exchange.ready.accounts
    (tmp_path / "etc").write_text("a file where a folder is wanted")
    other = tmp_path / "other.toml"
    other.write_text("precious")
    session = await set_up(
        tmp_path,
        exchange.ready.rest_url,
        ("API key", account["api_key"]),
        ("Isolated pairs", "none"),
        NO_CHANNEL,
        ("Another file for the configuration", "other.toml"),
        ("Another file for the configuration", "new.toml"),
        ("Create the database", "n"),
        more=("--account", "main", "--api-secret", account["api_secret"], "--force"),
    )
    assert session.code == 0, session.screen
    assert f"{other}: is already there; name a file that is not there yet" in session.screen
    assert other.read_text() == "precious"
    assert (tmp_path / "new.toml").exists()
