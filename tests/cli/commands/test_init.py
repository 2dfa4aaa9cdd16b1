"""`init`: what it writes, that nobody else can read it, and that it never overwrites unasked."""
# ruff: noqa: E501 – tables read best with one row a line

import stat
import tomllib
from pathlib import Path

import pytest

from tests.support.cli_process import run_cli

OPTIONS = ("init", "--non-interactive", "--api-key", "env:KEY", "--api-secret", "a-literal-secret")


def test_the_config_is_written_where_it_is_found_and_only_for_its_owner(tmp_path: Path) -> None:
    ran = run_cli(tmp_path, *OPTIONS)
    path = tmp_path / ".config" / "margin-monitor" / "config.toml"
    assert (ran.code, ran.stdout.splitlines()[0]) == (0, f"wrote {path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("secret", "url", "is_said"),
    [
        ("a-literal-secret", "env:URL", True),
        ("env:SECRET", "tgram://123:token/1", True),
        # An address of this machine without a user is no secret.
        ("file:secret", "json://127.0.0.1:9/", False),
    ],
)
def test_secrets_in_the_file_itself_are_mentioned_and_not_repeated(
    tmp_path: Path, secret: str, url: str, is_said: bool
) -> None:
    words = ("init", "--non-interactive", "--api-key", "env:KEY", "--api-secret", secret, "--channel", f"a={url}")
    ran = run_cli(tmp_path, *words)
    assert ran.code == 0, ran.stderr
    assert ran.stderr.startswith("secrets stand in it as they were given") is is_said
    assert (ran.stderr == "") is not is_said
    assert "a-literal-secret" not in ran.stdout + ran.stderr and "token" not in ran.stdout + ran.stderr


def test_options_are_written(tmp_path: Path) -> None:
    more = ("--account", "two", "--isolated", "btcusdt, ETHUSDT", "--rest-url", "http://127.0.0.1:9")
    run_cli(tmp_path, *OPTIONS, *more, "--channel", "a=env:A", "--channel", "b=env:B=x", "--output", "c.toml")
    assert tomllib.loads((tmp_path / "c.toml").read_text()) == {
        "exchange": {"rest_url": "http://127.0.0.1:9"},
        "accounts": [
            {
                "name": "two",
                "api_key": "env:KEY",
                "api_secret": "a-literal-secret",
                "cross": True,
                "isolated": ["BTCUSDT", "ETHUSDT"],
            }
        ],
        "channels": [{"name": "a", "url": "env:A"}, {"name": "b", "url": "env:B=x"}],
    }


def test_an_existing_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("mine")
    ran = run_cli(tmp_path, *OPTIONS, "--output", "c.toml")
    assert (ran.code, path.read_text()) == (1, "mine")
    assert ran.stderr == f"{path}: is already there; use --force to overwrite it, or --output FILE\n"
    assert run_cli(tmp_path, *OPTIONS, "--output", "c.toml", "--force").code == 0
    assert "a-literal-secret" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--channel", "x=http://example.com/h"), 78, 'config.toml: channels[0] "x".url: http:// is for loopback hosts only; use https://'),
        (("--rest-url", "http://example.com"), 78, "config.toml: exchange.rest_url: http:// is for loopback hosts only; use https://"),
        (("--channel", "tgram://secret-token/1"), 2, "--channel can't be read; write --channel NAME=URL"),
        (("--private-key", "file:k"), 2, "argument --private-key: not allowed with argument --api-secret; see `margin-monitor init --help`"),
    ],
)  # fmt: skip
def test_nothing_is_written_that_could_not_be_loaded(
    tmp_path: Path, words: tuple[str, ...], code: int, line: str
) -> None:
    ran = run_cli(tmp_path, *OPTIONS, *words)
    assert (ran.code, ran.stderr) == (code, f"{line}\n")
    assert not (tmp_path / ".config").exists()


def test_missing_options_are_named(tmp_path: Path) -> None:
    ran = run_cli(tmp_path, "init", "--non-interactive")
    assert (ran.code, ran.stderr) == (
        2,
        "--non-interactive needs --api-key and --api-secret or --private-key; see `margin-monitor init --help`\n",
    )


def test_questions_need_a_terminal(tmp_path: Path) -> None:
    ran = run_cli(tmp_path, "init")
    assert (ran.code, ran.stderr) == (2, "questions need a terminal; use --non-interactive with the options\n")


def test_init_show_and_check_work_together(tmp_path: Path) -> None:
    environ = {"KEY": "theKeyItself123", "XDG_STATE_HOME": str(tmp_path / "state")}
    assert run_cli(tmp_path, *OPTIONS, "--channel", "phone=json://me:channel-password@127.0.0.1:9/x").code == 0
    outputs = [
        run_cli(tmp_path, *words, environ=environ)
        for words in (("config", "show"), ("config", "show", "--json"), ("check", "--offline"), ("check", "--offline", "--json"))
    ]  # fmt: skip
    assert [ran.code for ran in outputs] == [0, 0, 0, 0], outputs
    shown = tomllib.loads(outputs[0].stdout)
    assert shown["accounts"][0] | {"cross": True} == shown["accounts"][0]
    assert (shown["accounts"][0]["api_key"], shown["accounts"][0]["api_secret"]) == ("env:KEY", "***")
    assert outputs[1].document["schedule"]["cross"] == 60
    for ran in outputs:
        for secret in ("a-literal-secret", "theKeyItself123", "channel-password"):
            assert secret not in ran.stdout + ran.stderr


def test_the_units_are_written_and_not_overwritten(tmp_path: Path) -> None:
    first = run_cli(tmp_path, "init", "--systemd", "units")
    assert (first.code, first.stderr) == (0, "")
    names = sorted(entry.name for entry in (tmp_path / "units").iterdir())
    assert names == [
        "margin-monitor-failed@.service",
        "margin-monitor.service",
        "margin-monitor.sysusers.conf",
        "margin-monitor.tmpfiles.conf",
        "margin-monitor@.service",
    ]
    second = run_cli(tmp_path, "init", "--systemd", "units")
    assert second.code == 1 and "is already there; use --force" in second.stderr
    assert run_cli(tmp_path, "init", "--systemd", "units", "--force").code == 0
