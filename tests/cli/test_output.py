"""What is printed: tables, JSON, errors; and that no known secret is in it."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monitor.cli import log_setup, output
from monitor.config.redaction import KNOWN_SECRETS
from monitor.errors import ConfigError, ExchangeRefused, ExitCode, MonitorError
from monitor.view.terminal.table import Cell


@pytest.fixture
def secret() -> Iterator[str]:
    """A secret that this process knows."""
    KNOWN_SECRETS.remember("a-known-secret-value")
    yield "a-known-secret-value"


def test_json_has_decimals_as_text_times_in_utc_and_durations_in_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json(
        {
            "amount": Decimal("1E-8"),
            "level": Decimal("Infinity"),
            "at": datetime(2025, 10, 10, 21, 15, 0, 123456, UTC),
            "every": timedelta(minutes=1),
            "offset": timedelta(milliseconds=1500),
            "code": ExitCode.NO,
            "names": ("a", "b"),
            "none": None,
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "amount": "0.00000001",
        "level": None,
        "at": "2025-10-10T21:15:00.123Z",
        "every": 60,
        "offset": 1.5,
        "code": 1,
        "names": ["a", "b"],
        "none": None,
    }


def test_jsonl_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_jsonl([{"id": 1}, {"id": 2}])
    assert capsys.readouterr().out == '{"id":1}\n{"id":2}\n'


def test_a_table_in_a_pipe_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("name", "level"), [("main", Cell("1.5", "bad")), ("second", "12.25")], right=[1])
    assert capsys.readouterr().out == "name    level\nmain      1.5\nsecond  12.25\n"


def test_secrets_appear_in_no_output(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.print_line(f"line {secret}")
    output.print_note(f"note {secret}")
    output.print_table(("head",), [(f"cell {secret}",)])
    output.print_json({"value": f"x{secret}"})
    output.print_jsonl([{"value": [secret]}])
    output.print_error(MonitorError(f"no {secret}", where=secret, mend=secret), as_json=True)
    output.print_bug(ValueError(secret), as_json=True)
    printed = capsys.readouterr()
    assert secret not in printed.out + printed.err
    assert "note ***" in printed.err and "no ***" in printed.err


def test_an_error_of_the_exchange_carries_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    error = ExchangeRefused("refused", venue_code=-2015, venue_message="Invalid API-key")
    assert output.print_error(error, as_json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["exchange"] == {"code": -2015, "msg": "Invalid API-key"}


def test_every_mistake_of_a_config_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError("first", where="a.toml")
    error.others = (ConfigError("second", where="a.toml"),)
    assert output.print_error(error, as_json=True) == 78
    printed = capsys.readouterr()
    assert printed.err == "a.toml: first\na.toml: second\n"
    assert [other["message"] for other in json.loads(printed.out)["others"]] == ["second"]


def test_a_bug_is_one_line_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        output.print_table(("a", "b"), [("one cell only",)])
    except IndexError as error:
        assert output.print_bug(error, as_json=False) == 1
    line = capsys.readouterr().err
    assert line.startswith("output.py:") and "this is a bug: IndexError: " in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_log_record_is_one_line_without_secrets(
    log_format: str, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log_setup.start_logging(log_format, "info")
    try:
        try:
            raise RuntimeError(f"broke\nwith {secret}")
        except RuntimeError:
            logging.getLogger("monitor.test").exception("poll.failed key=%s", secret)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "poll.failed key=***" in line and "RuntimeError: broke" in line and secret not in line
    if log_format == "json":
        assert json.loads(line)["level"] == "error"


@pytest.mark.parametrize(
    ("logger", "heard"), [("apscheduler.scheduler", False), ("websockets.client", False), ("monitor.x", True)]
)
def test_expected_library_warnings_are_suppressed(logger: str, heard: bool, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log_setup.start_logging("text", "debug")
    try:
        logging.getLogger(logger).warning("maximum number of running instances reached")
        logging.getLogger(logger).error("broken")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
    said = capsys.readouterr().err
    assert ("maximum number" in said) is heard
    assert "broken" in said


def test_columns_line_up_with_wide_and_combining_characters(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("account", "level"), [("主账户", "1.5"), ("main", "1.4"), ("Bo\u0308rse", "1.3")], right=(1,))
    lines = capsys.readouterr().out.splitlines()
    # Each Chinese character takes two columns, a combining mark none.
    assert lines == ["account  level", "主账户     1.5", "main       1.4", "Bo\u0308rse      1.3"]
