"""The files for Prometheus and Grafana: rules that hold their own tests, a dashboard that shows what exists."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from docs.generate.grafana_dashboard import DASHBOARD_FILE, dashboard_text
from monitor.web.metrics.catalog import DAEMON_METRICS, METRIC_LABELS, exported_names
from tests.docs.grafana_model import Dashboard, GridPos
from tests.docs.pages import CHECKOUT
from tests.support.prometheus_tools.programs import run_promtool

FOLDER = CHECKOUT / "docs" / "monitoring"
RULES = FOLDER / "alerts.yml"
RULE_TESTS = sorted(FOLDER.glob("alerts*.test.yml"))
NAME = re.compile(r"\bmargin_monitor_[a-z0-9_]+")
LABELS = {label for labels in METRIC_LABELS.values() for label in labels} | {
    label for metric in DAEMON_METRICS.values() for label in metric.labels
}


def alert_rules() -> list[dict[str, Any]]:
    groups = msgspec.yaml.decode(RULES.read_bytes())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def shipped_dashboard() -> Dashboard:
    return msgspec.json.decode((CHECKOUT / DASHBOARD_FILE).read_bytes(), type=Dashboard, strict=True)


def queries(dashboard: Dashboard) -> list[str]:
    return [target.expr for panel in dashboard.query_panels for target in panel.targets]


def test_rules_are_valid_and_hold_their_tests() -> None:
    code, said = run_promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert code == 0, said
    code, said = run_promtool("test", "rules", *(file.name for file in RULE_TESTS), folder=FOLDER)
    assert code == 0, said


def test_every_alert_fires_in_a_test() -> None:
    tests = [test for file in RULE_TESTS for test in msgspec.yaml.decode(file.read_bytes())["tests"]]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in alert_rules()}


def test_alerts_use_only_metrics_that_exist() -> None:
    used = {name for rule in alert_rules() for name in NAME.findall(rule["expr"])}
    assert used <= exported_names()
    assert {rule["labels"]["severity"] for rule in alert_rules()} <= {"info", "warning", "critical"}


def test_every_alert_is_explained_in_their_order() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(Margin\w+)` \|", page, re.MULTILINE)
    assert explained == [rule["alert"] for rule in alert_rules()]


def test_dashboard_is_the_generated_one() -> None:
    found = (CHECKOUT / DASHBOARD_FILE).read_text(encoding="utf-8")
    assert found == dashboard_text(), "run `./dev run python -m docs.generate.grafana_dashboard`"


def test_dashboard_is_of_grafanas_model() -> None:
    assert shipped_dashboard().uid == "margin-monitor"


@pytest.mark.parametrize(
    ("was", "planted"), [('"timeseries"', '"timeserie"'), ('"gridPos"', '"gridpos"'), ('"percentunit"', '"%"')]
)
def test_planted_mistake_in_the_dashboard_is_found(was: str, planted: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(dashboard_text().replace(was, planted, 1), type=Dashboard)


def test_dashboard_uses_only_metrics_that_exist() -> None:
    found = shipped_dashboard()
    used = {name for query in queries(found) for name in NAME.findall(query)}
    assert used <= exported_names()
    assert len(used) > 20
    legends = {target.legend_format for panel in found.query_panels for target in panel.targets}
    assert {label for legend in legends for label in re.findall(r"{{(\w+)}}", legend)} <= LABELS | {"instance"}


def test_dashboard_keeps_instances_apart() -> None:
    found = shipped_dashboard()
    for query in queries(found):
        assert re.findall(f"{NAME.pattern}(?!_|[a-z0-9])(?!{{instance=~)", query) == [], query
        for labels in re.findall(r"\b(?:sum|min|max|avg|count)\b(?: by \((.*?)\))?", query):
            assert "instance" in labels.split(", "), query
    timelines = [target.legend_format for panel in found.query_panels for target in panel.targets if panel.title]
    assert all("{{instance}}" in legend for legend in timelines if legend)


def test_accounts_of_one_name_in_two_daemons_are_not_added(tmp_path: Path) -> None:
    (equity,) = (query for query in queries(shipped_dashboard()) if "equity" in query)
    series = [
        {"series": f'margin_monitor_equity_usdt{{instance="{name}",account="main",scope="{scope}"}}', "values": value}
        for name, scope, value in (("a", "cross", "100"), ("a", "isolated", "7"), ("b", "cross", "50"))
    ]
    samples = [
        {"labels": f'{{instance="{name}", account="main"}}', "value": value} for name, value in (("a", 107), ("b", 50))
    ]
    expression = equity.replace("$instance", ".*").replace("$account", ".*")
    case = {"expr": expression, "eval_time": "0m", "exp_samples": samples}
    file = tmp_path / "equity.test.yml"
    file.write_bytes(msgspec.yaml.encode({"tests": [{"input_series": series, "promql_expr_test": [case]}]}))
    code, said = run_promtool("test", "rules", file)
    assert code == 0, said


def test_queries_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$instance", ".*").replace("$account", ".*")}
        for number, query in enumerate(queries(shipped_dashboard()))
    ]
    file = tmp_path / "queries.yml"
    file.write_bytes(msgspec.yaml.encode({"groups": [{"name": "queries", "rules": rules}]}))
    code, said = run_promtool("check", "rules", file)
    assert code == 0, said


def overlap(one: GridPos, other: GridPos) -> bool:
    return (one.x < other.x + other.w and other.x < one.x + one.w) and (
        one.y < other.y + other.h and other.y < one.y + one.h
    )


def test_panels_have_their_own_ids_and_places() -> None:
    panels = shipped_dashboard().panels
    assert len({panel.id for panel in panels}) == len(panels)
    assert all(panel.grid_pos.x + panel.grid_pos.w <= 24 for panel in panels)
    places = combinations([panel.grid_pos for panel in panels], 2)
    assert [pair for pair in places if overlap(*pair)] == []
