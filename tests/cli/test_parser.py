"""The command line as a whole: help, versions, usage errors, clean ends."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.__main__ import main
from monitor.cli import parser
from monitor.resources import packaged_path
from monitor.version import describe_version
from tests.support.cli_process import run_cli
from tests.support.command import write_config

NEEDED_BY_NO_READER = (
    *("aiohttp", "alembic", "apprise", "apscheduler", "cryptography", "httpx", "jinja2", "matplotlib", "numpy"),
    *("prometheus_client", "psycopg", "re2", "rich", "telegram", "websockets"),
    *("monitor.core.actions.scope_position", "monitor.core.state.account_state", "monitor.exchange"),
    *("monitor.runtime.daemon", "monitor.store.store", "monitor.view.charts", "monitor.web"),
)
"""Libraries and parts of the program that no command needs to read the database."""

HEAVY = ("httpx", "sqlalchemy", "pydantic", "apprise", "matplotlib", "websockets", "apscheduler", "rich", "msgspec")


def test_every_documented_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    documented = [
        *("run", "demo", "init", "check", "config", "status", "alerts", "ack", "silence", "drill", "events"),
        *("actions", "interest", "history", "compare", "stress", "export", "rules", "notify", "report", "db"),
        *("call", "sandbox", "completion"),
    ]
    assert main(["--help"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert listed[: len(documented)] == documented


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"margin-monitor {describe_version()}\n"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["staus"], ["init", "--help"]])
def test_help_and_usage_errors_load_no_library(words: list[str]) -> None:
    program = (
        f"import sys; from monitor.__main__ import main; main({words!r}); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "lines",
    [
        (["status"], ["alerts"], ["history", "margin_level", "--since", "30d"], ["interest"], ["events"], ["report"]),
        (["status", "--json"], ["alerts", "--all", "--json"], ["actions", "--json"], ["silence", "list"]),
    ],
)
def test_reading_commands_load_only_what_they_read_with(
    lines: tuple[list[str], ...], tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = write_config(tmp_path)
    program = (
        "import sys; from monitor.__main__ import main; "
        f"codes = [main(['--config', {str(config)!r}, *words]) for words in {lines!r}]; "
        f"print([codes, [name for name in {NEEDED_BY_NO_READER!r} if name in sys.modules]], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines()[-1] == str([[0] * len(lines), []])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "no command given; see `margin-monitor --help`"),
        (["chekc"], 'unknown command "chekc"; did you mean "check"?'),
        (["--verison"], 'unknown option "--verison"; did you mean "--version"?'),
        (["check", "--ofline"], 'unknown option "--ofline"; did you mean "--offline"?'),
        (["check", "everything"], 'unknown argument "everything"; see `margin-monitor check --help`'),
        (["config", "shwo"], 'unknown command "config shwo"; did you mean "show"?'),
        (["config", "show", "--jsno"], 'unknown option "--jsno"; did you mean "--json"?'),
        (["config"], "the following arguments are required: show|schema; see `margin-monitor config --help`"),
        (["--log-level", "loud", "check"], '--log-level can\'t be "loud"; one of debug, info, warning, error'),
        (["check", "--log-format", "xml"], '--log-format can\'t be "xml"; one of text, json'),
        (["check", "--config"], "--config needs a value; see `margin-monitor --help`"),
    ],
)
def test_usage_errors_are_one_line_with_the_nearest_word(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.err == f"{line}\n"
    assert printed.out == ""


def test_with_json_the_error_is_also_a_document_on_stdout(tmp_path: Path) -> None:
    ran = run_cli(tmp_path, "check", "--json", "--config", "none.toml")
    assert ran.code == 78
    assert ran.document == {
        "error": {
            "code": "config",
            "message": f"there is no file {tmp_path}/none.toml",
            "where": "none.toml",
            "mend": "check the path; `margin-monitor init` writes one",
        }
    }
    assert ran.stderr.count("\n") == 1


def test_closed_pipe_is_no_error(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[[accounts]]\nname = "main"\napi_key = "env:K"\napi_secret = "env:S"\n')
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "monitor", "config", "show", "--config", str(config)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, "")


def test_global_options_may_stand_before_and_after_the_command(tmp_path: Path) -> None:
    before = run_cli(tmp_path, "--config", "a.toml", "config", "show")
    after = run_cli(tmp_path, "config", "show", "--config=a.toml")
    assert before == after
    assert before.stderr.startswith("a.toml: there is no file ")


@pytest.mark.parametrize("name", parser.COMMANDS)
def test_every_command_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"usage: margin-monitor {name} ")
    assert printed.err == ""


def test_the_shipped_example_passes_an_offline_check_once_its_secrets_are_there(tmp_path: Path) -> None:
    secrets = tmp_path / "credentials"
    secrets.mkdir(mode=0o700)
    contents = {
        "binance-key": "k" * 64,
        "binance-secret": "s" * 64,
        "phone-url": "json://phone",
        "mail-url": "json://mail",
    }
    for secret, content in contents.items():
        (secrets / secret).write_text(content)
        (secrets / secret).chmod(0o400)
    config = tmp_path / "config.toml"
    config.write_bytes(packaged_path("config", "margin-monitor.example.toml").read_bytes())
    environ = {"CREDENTIALS_DIRECTORY": str(secrets), "STATE_DIRECTORY": str(tmp_path)}
    ran = run_cli(tmp_path, "check", "--offline", "--config", str(config), environ=environ)
    assert (ran.code, ran.stderr) == (0, ""), ran.stdout
    without = run_cli(tmp_path, "check", "--offline", "--config", str(config))
    assert without.code == 1
