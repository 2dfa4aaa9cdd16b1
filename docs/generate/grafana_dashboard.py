"""The dashboard for Grafana in docs/monitoring: a grid of panels over the metrics of `/metrics`.

`python -m docs.generate.grafana_dashboard [FILE]` writes it, to docs/monitoring/grafana-dashboard.json unless given.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

DASHBOARD_FILE = Path("docs/monitoring/grafana-dashboard.json")

SCHEMA_VERSION = 39
"""Version of the dashboard model: that of Grafana 11; newer ones convert it when they load it."""

GRID_WIDTH = 24

Json = dict[str, Any]
PanelType = Literal["stat", "timeseries", "table"]

_DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_P = "margin_monitor_"
_I = 'instance=~"$instance"'
_A = f'{_I},account=~"$account"'
"""Selectors. Every panel keeps instances apart: two daemons may each have an account of the same name."""

_STATUS_MAPPINGS = [
    {
        "type": "value",
        "options": {
            "0": {"text": "excessive", "color": "green", "index": 0},
            "1": {"text": "normal", "color": "green", "index": 1},
            "2": {"text": "MARGIN CALL", "color": "orange", "index": 2},
            "3": {"text": "PRE-LIQUIDATION", "color": "red", "index": 3},
            "4": {"text": "FORCED LIQUIDATION", "color": "red", "index": 4},
        },
    }
]


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel and the legend of its series."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `steps` are thresholds: a colour from a value on, the first without one."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: PanelType = "timeseries"
    width: int = 12
    height: int = 8
    steps: tuple[tuple[str, float | None], ...] = ()
    low: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A heading with the panels below it."""

    title: str
    panels: tuple[Panel, ...]


def dashboard() -> Json:
    """Return the dashboard in Grafana's JSON model."""
    return {
        "uid": "margin-monitor",
        "title": "margin-monitor",
        "description": "How far each margin account is from liquidation, and how well that is known.",
        "tags": ["margin-monitor"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "links": [],
        "panels": list(_place(ROWS)),
    }


def main(words: Sequence[str] | None = None) -> int:
    """Write the dashboard into a file."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate.grafana_dashboard", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=DASHBOARD_FILE, metavar="FILE")
    file: Path = parser.parse_args(words).file
    file.write_text(dashboard_text(), encoding="utf-8")
    print(f"wrote {file}")
    return 0


def dashboard_text() -> str:
    """Return the dashboard as it stands in its file."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


def _variables() -> list[Json]:
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0},
        _label_variable("instance", "Daemon", f"{_P}build_info"),
        _label_variable("account", "Account", f"{_P}data_age_seconds{{{_I}}}"),
    ]


def _label_variable(label: str, title: str, series: str) -> Json:
    """A choice among the values of a label: several, or all."""
    return {
        "name": label,
        "label": title,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": f"label_values({series}, {label})", "refId": f"{label}s"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        # Not only the values that are known when the page is loaded: what has no account is shown, too.
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "hide": 0,
    }


def _place(rows: Sequence[Row]) -> Iterator[Json]:
    """Return rows and panels with ids and positions: from left to right, wrapped at the width of the grid."""
    ids, y = count(1), 0
    for row in rows:
        yield {
            "id": next(ids),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": GRID_WIDTH, "h": 1},
            "panels": [],
        }
        y, x, line_height = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > GRID_WIDTH:
                y, x, line_height = y + line_height, 0, 0
            yield _panel(panel, next(ids), {"x": x, "y": y, "w": panel.width, "h": panel.height})
            x, line_height = x + panel.width, max(line_height, panel.height)
        y += line_height


def _panel(panel: Panel, number: int, position: Json) -> Json:
    steps = panel.steps or (("green", None),)
    defaults: Json = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]},
        "mappings": _STATUS_MAPPINGS if panel.kind == "table" else [],
    }
    if panel.low is not None:
        defaults["min"] = panel.low
    found: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": position,
        "targets": [_target(panel, query, ref) for query, ref in zip(panel.queries, "ABCDEFGH", strict=False)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[panel.kind],
    }
    return {**found, "description": panel.description} if panel.description else found


def _target(panel: Panel, query: Query, ref: str) -> Json:
    found: Json = {"refId": ref, "datasource": _DATASOURCE, "expr": query.expr, "legendFormat": query.legend}
    if panel.kind == "timeseries":
        return {**found, "range": True}
    return {**found, "instant": True, "format": "table" if panel.kind == "table" else "time_series"}


_OPTIONS: Mapping[PanelType, Json] = {
    "stat": {
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["min", "lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "asc"},
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
}

_ACCOUNT = "{{instance}} {{account}}"
_SCOPE = f"{_ACCOUNT} {{{{scope}}}} {{{{symbol}}}}"

ROWS: tuple[Row, ...] = (
    Row(
        "Am I in danger",
        (
            Panel(
                "Nearest to liquidation",
                (Query(f"min by (instance, account) ({_P}distance_to_liquidation_ratio{{{_A}}})", _ACCOUNT),),
                unit="percentunit",
                kind="stat",
                width=6,
                height=5,
                steps=(("red", None), ("orange", 0.05), ("yellow", 0.15), ("green", 0.3)),
                description="The smallest distance of any scope. +Inf: nothing is owed. Empty: nothing is known.",
            ),
            Panel(
                "Alerts firing",
                (
                    Query(
                        f'sum by (instance, severity) ({_P}alerts_firing{{{_A},severity!="info"}})',
                        "{{instance}} {{severity}}",
                    ),
                ),
                kind="stat",
                width=6,
                height=5,
                steps=(("green", None), ("red", 1)),
            ),
            Panel(
                "Age of the newest read",
                (Query(f"{_P}data_age_seconds{{{_A}}}", _ACCOUNT),),
                unit="s",
                kind="stat",
                width=6,
                height=5,
                steps=(("green", None), ("orange", 90), ("red", 180)),
            ),
            Panel(
                "Actions",
                (
                    Query(f"{_P}actions_paused{{{_I}}}", "{{instance}} paused"),
                    Query(f"sum by (instance) ({_P}actions_blocked{{{_A}}})", "{{instance}} stopped by a limit"),
                    Query(
                        f'sum by (instance) ({_P}intents_open{{{_A},state="unresolved"}})',
                        "{{instance}} outcome unknown",
                    ),
                ),
                kind="stat",
                width=6,
                height=5,
                steps=(("green", None), ("red", 1)),
            ),
        ),
    ),
    Row(
        "Levels",
        (
            Panel(
                "Margin level of cross, with its thresholds",
                (
                    Query(f'{_P}margin_level_ratio{{{_A},scope="cross"}}', "{{instance}} {{account}} level"),
                    Query(f'{_P}initial_level_ratio{{{_A},scope="cross"}}', "{{instance}} {{account}} initial"),
                    Query(f'{_P}margin_call_level_ratio{{{_A},scope="cross"}}', "{{instance}} {{account}} margin call"),
                    Query(f'{_P}liquidation_level_ratio{{{_A},scope="cross"}}', "{{instance}} {{account}} liquidation"),
                ),
                unit="none",
            ),
            Panel(
                "Margin level over liquidation level, isolated pairs",
                (
                    Query(
                        f'{_P}margin_level_ratio{{{_A},scope="isolated"}} / {_P}liquidation_level_ratio{{{_A}}}',
                        "{{instance}} {{account}} {{symbol}}",
                    ),
                ),
                unit="none",
                description="1 is liquidation, whatever the leverage of the pair.",
            ),
            Panel(
                "Distance to liquidation",
                (Query(f"{_P}distance_to_liquidation_ratio{{{_A}}} < Inf", _SCOPE),),
                unit="percentunit",
                low=0,
            ),
            Panel(
                "Odds of liquidation: share of past days and weeks",
                (
                    Query(f"{_P}liquidation_odds_1d_ratio{{{_A}}}", f"{_SCOPE} day"),
                    Query(f"{_P}liquidation_odds_7d_ratio{{{_A}}}", f"{_SCOPE} week"),
                ),
                unit="percentunit",
                low=0,
                description="By past prices, of the account as it stands. Empty: they are not known.",
            ),
            Panel(
                "Worst level of any past day",
                (Query(f"{_P}worst_level_1d_ratio{{{_A}}} < Inf", _SCOPE),),
                unit="none",
            ),
            Panel(
                "Change of the level in five minutes, by prices alone",
                (Query(f"{_P}margin_level_change_5m_ratio{{{_A}}} != 0", _SCOPE),),
                unit="none",
            ),
            Panel(
                "Status of isolated pairs",
                (
                    Query(
                        f"sort_desc(max by (instance, account, symbol) ({_P}status{{{_A}}}))",
                        "",
                    ),
                ),
                kind="table",
            ),
            Panel(
                "Equity",
                (
                    Query(f"sum by (instance, account) ({_P}equity_usdt{{{_A}}})", "{{instance}} {{account}} equity"),
                    Query(
                        f"sum by (instance, account) ({_P}liabilities_usdt{{{_A}}})", "{{instance}} {{account}} owed"
                    ),
                ),
                unit="currencyUSD",
            ),
        ),
    ),
    Row(
        "Interest and pegs",
        (
            Panel(
                "Interest of the last 24 hours",
                (
                    Query(
                        f"sum by (instance, account, asset) ({_P}interest_24h_usdt{{{_A}}}) > 0",
                        "{{instance}} {{account}} {{asset}}",
                    ),
                ),
                unit="currencyUSD",
                width=8,
            ),
            Panel(
                "Annual rate of what is owed",
                (
                    Query(
                        f"{_P}annual_rate_ratio{{{_A}}} and {_P}owed{{{_A}}} > 0",
                        "{{instance}} {{account}} {{asset}}",
                    ),
                ),
                unit="percentunit",
                width=8,
            ),
            Panel(
                "Deviation from the peg",
                (
                    Query(
                        f"{_P}peg_deviation_ratio{{{_A}}} and {_P}held{{{_A}}} > 0",
                        "{{instance}} {{account}} {{asset}}",
                    ),
                ),
                unit="percentunit",
                width=8,
            ),
        ),
    ),
    Row(
        "The watch itself",
        (
            Panel(
                "Age of reads and prices",
                (
                    Query(f"{_P}data_age_seconds{{{_A}}}", "{{instance}} {{account}} read"),
                    Query(f"{_P}poll_interval_seconds{{{_A}}}", "{{instance}} {{account}} interval in force"),
                    Query(f"{_P}price_age_seconds{{{_A}}}", "{{instance}} {{account}} price"),
                    Query(f"{_P}stream_silence_seconds{{{_A}}}", "{{instance}} {{account}} stream"),
                ),
                unit="s",
            ),
            Panel(
                "Reads a minute",
                (
                    Query(
                        f"60 * sum by (instance, account, result) (rate({_P}polls_total{{{_A}}}[5m]))",
                        "{{instance}} {{account}} {{result}}",
                    ),
                ),
            ),
            Panel(
                "Stream events a minute",
                (
                    Query(
                        f"60 * sum by (instance, account, type) (rate({_P}events_total{{{_A}}}[5m]))",
                        "{{instance}} {{account}} {{type}}",
                    ),
                ),
            ),
            Panel(
                "Messages in an hour",
                (
                    Query(
                        f"sum by (instance, channel, result) (increase({_P}notifications_total{{{_I}}}[1h]))",
                        "{{instance}} {{channel}} {{result}}",
                    ),
                ),
            ),
            Panel(
                "Actions in a day",
                (
                    Query(
                        f"sum by (instance, kind, result) (increase({_P}actions_total{{{_I}}}[1d])) > 0",
                        "{{instance}} {{kind}} {{result}}",
                    ),
                ),
            ),
            Panel(
                "Failing",
                (
                    Query(f"{_P}account_failing{{{_A}}}", "{{instance}} {{account}} tasks"),
                    Query(f"1 - {_P}lease_held{{{_A}}}", "{{instance}} {{account}} held by no or another daemon"),
                    Query(f"1 - {_P}stream_connected{{{_A}}}", "{{instance}} {{account}} streams"),
                    Query(f"max by (instance) ({_P}store_failing{{{_A}}})", "{{instance}} database"),
                    Query(f"max by (instance) ({_P}notifications_failing{{{_A}}})", "{{instance}} channels"),
                    Query(f"{_P}conditions_unknown{{{_A}}}", "{{instance}} {{account}} conditions unknown"),
                    Query(f"1 - {_P}config_last_reload_successful{{{_I}}}", "{{instance}} configuration"),
                    Query(f"increase({_P}web_restarts_total{{{_I}}}[15m])", "{{instance}} web server"),
                ),
            ),
            Panel(
                "Share of the request weight in use",
                (Query(f"{_P}weight_used_ratio{{{_A}}}", _ACCOUNT),),
                unit="percentunit",
                low=0,
            ),
            Panel(
                "Own level against the exchange's",
                (Query(f"{_P}live_drift_ratio{{{_A}}}", _ACCOUNT),),
                unit="percentunit",
                low=0,
            ),
        ),
    ),
)


if __name__ == "__main__":
    sys.exit(main())
