"""`config show`: what it prints is the configuration, and can be used as one."""

from pathlib import Path

from monitor.view.documents.types.checks import ConfigDocument
from tests.support.cli_process import run_cli
from tests.support.examples.document_types import json_form

EXAMPLE = Path(__file__).parents[3] / "config" / "margin-monitor.example.toml"

MORE = """
[risk]
isolated_margin_call = { "1.05" = "1.12" }
drift_bound = "2.5%"
[[rules]]
name = "two"
scope = ["cross", "isolated"]
accounts = ["ma*"]
when = "margin_level < 1.2 or distance_to_liquidation < 10%"
for = "1m30s"
labels = { team = "me" }
escalate = [{ after = "10m", severity = "critical", channels = ["phone"] }]
"""


def test_shown_configuration_loads_and_shows_the_same(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text("default_rules = false\n" + EXAMPLE.read_text() + MORE)
    first = run_cli(tmp_path, "config", "show", "--config", "first.toml")
    (tmp_path / "second.toml").write_text(first.stdout)
    second = run_cli(tmp_path, "config", "show", "--config", "second.toml")
    assert (first.code, second.code) == (0, 0), first.stderr + second.stderr
    assert first.stdout.splitlines()[1:] == second.stdout.splitlines()[1:]
    assert 'escalate = [{ after = "10m", severity = "critical", channels = ["phone"] }]' in second.stdout


def test_json_follows_the_rules_of_every_json(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(EXAMPLE.read_text() + MORE)
    printed = run_cli(tmp_path, "config", "show", "--json", "--config", "c.toml").document
    shown = json_form(printed, ConfigDocument)
    assert (shown["schedule"]["cross"], shown["risk"]["drift_bound"]) == (60, "0.025")
    assert shown["accounts"][0]["api_secret"] == "credential:binance-secret"
    assert shown["rules"][-1]["for"] == 90
