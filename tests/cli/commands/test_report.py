"""`report` in its three forms, and what can be proven later with a report that was kept."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from monitor.__main__ import main
from monitor.cli.commands.check import daily_report_rows
from monitor.config.loading import load_config
from monitor.store.store import Store
from tests.support.command import CommandOutput, write_config
from tests.support.examples.daily_report import write_report_example


@pytest.fixture
async def config(tmp_path: Path, sqlite_template: Path) -> Path:
    """A config whose database holds the story."""
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}", create=False)
    await write_report_example(store, datetime.now(UTC) - timedelta(seconds=1))
    await store.close()
    return write_config(tmp_path)


Run = Callable[..., CommandOutput]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line carried out in this process: starting one for each costs more than the rest of the test."""

    def carry_out(config: Path, *words: str) -> CommandOutput:
        code = main(["--config", str(config), *words])
        printed = capsys.readouterr()
        return CommandOutput(code, printed.out, printed.err, words)

    return carry_out


class _Page(HTMLParser):
    """What a page consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]


def test_the_head_of_a_kept_report_finds_a_cut_tail(config: Path, run: Run) -> None:
    document = run(config, "report", "--format", "json").json()
    words = run(config, "report").out
    kept = document["audit_head"]
    assert f"margin-monitor actions verify --head {kept}" in words
    assert run(config, "actions", "verify", "--head", kept).code == 0
    engine = create_engine(f"sqlite:///{config.parent / 'monitor.db'}")
    with engine.begin() as connection:
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"))
    engine.dispose()
    said = run(config, "actions", "verify", "--head", kept)
    assert said.code == 1
    assert "its end was cut off" in said.out


def test_html_report_is_self_contained(config: Path, run: Run) -> None:
    said = run(config, "report", "--format", "html")
    assert (said.code, said.err) == (0, "")
    page = _Page()
    page.feed(said.out)
    assert not {"script", "link", "img", "iframe", "form", "a"} & set(page.tags)
    assert page.addresses == []
    assert "url(" not in said.out
    assert re.findall(r"[a-z]+://", said.out) == []
    assert page.tags.count("svg") == 1
    assert "no figures between" in said.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--since", "yesterday"), "--since: 'yesterday' is no point in time"),
        (("--since", "2999-01-01"), "--since: 2999-01-01 is not in the past; name an earlier moment"),
        (("--format", "pdf"), '--format can\'t be "pdf"'),
        (("--format", "html", "--json"), "--json and --format html exclude each other; keep one of them"),
    ],
)
def test_a_usage_error_is_one_line(tmp_path: Path, run: Run, words: tuple[str, ...], line: str) -> None:
    said = run(write_config(tmp_path), "report", *words)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith(line)


PHONE_AND_MAIL = """
[[channels]]
name = "phone"
webhook = "http://127.0.0.1:9/"
severities = ["critical"]

[[channels]]
name = "mail"
webhook = "http://127.0.0.1:9/"

[report]
at = "08:00"
time_zone = "Europe/Berlin"
"""


@pytest.mark.parametrize(
    ("named", "result", "detail"),
    [
        ("", "ok", "every day at 08:00 (Europe/Berlin) to mail"),
        ('channels = ["mail"]', "ok", "every day at 08:00 (Europe/Berlin) to mail"),
        ('channels = ["phone"]', "warning", "no channel of the daily report takes info messages: nobody gets it"),
        (
            'channels = ["phone", "mail"]',
            "warning",
            "every day at 08:00 (Europe/Berlin) to mail; phone takes no info messages",
        ),
    ],
)
def test_check_names_the_channels_of_the_daily_report(tmp_path: Path, named: str, result: str, detail: str) -> None:
    config = load_config(write_config(tmp_path, PHONE_AND_MAIL + named), {})
    (row,) = daily_report_rows(config)
    assert (row.result, row.detail) == (result, detail)


def test_without_a_time_there_is_no_daily_report(tmp_path: Path) -> None:
    assert daily_report_rows(load_config(write_config(tmp_path), {})) == []
