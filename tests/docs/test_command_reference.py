"""The generated reference: current, complete, and honest about what is not there yet."""

import re
from pathlib import Path

import pytest

from docs.generate.reference import (
    EXIT_CODES,
    REFERENCE_FOLDER,
    commands_page,
    configuration_page,
    main,
    metrics_page,
    reference_pages,
)
from monitor.cli.parser import COMMANDS
from monitor.config.effective_config import list_config_keys
from monitor.core.model.metric import METRICS
from monitor.errors import ExitCode
from monitor.web.metrics.catalog import DAEMON_METRICS, exported_names

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["configuration.md", "metrics.md", "commands.md", "exit-codes.md", "api.md"])
def test_reference_page_is_current(name: str) -> None:
    found = (CHECKOUT / REFERENCE_FOLDER / name).read_text(encoding="utf-8")
    assert found == reference_pages()[name], "run `./dev run python -m docs.generate.reference`"


def test_every_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == reference_pages().keys()
    assert len(capsys.readouterr().out.splitlines()) == len(reference_pages())


def test_every_key_of_the_configuration_has_a_row() -> None:
    page = configuration_page()
    for row in list_config_keys():
        assert f"| `{row.key}` |" in page
    assert "| (not available yet)" not in page


def test_every_metric_is_listed() -> None:
    rows = {line.split("`")[1] for line in metrics_page().splitlines() if line.startswith("| `")}
    assert rows == METRICS.keys() | {metric.exposition for metric in DAEMON_METRICS.values()}


def test_every_exported_name_is_listed() -> None:
    cells = set(re.findall(r"`(margin_monitor_[a-z0-9_]+)`", metrics_page()))
    assert cells >= exported_names()


def test_every_command_is_listed_and_has_a_section() -> None:
    page = commands_page()
    for name in COMMANDS:
        assert f"\n## `margin-monitor {name}`\n" in page
        assert f"| [`{name}`](#margin-monitor-{name}) |" in page


def test_every_exit_code_is_explained() -> None:
    assert EXIT_CODES.keys() == set(ExitCode)
