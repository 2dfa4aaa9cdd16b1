"""The chart of a demo: the margin levels of both runs, what each warned of and did, and the prices below."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from monitor.view.charts.chart_spec import ChartLine, ChartSpec, Marker, ThresholdLine, ThresholdRole
from monitor.view.documents.types.demo import DemoRunResult
from monitor.view.formatting import format_level

_THRESHOLDS: tuple[tuple[str, ThresholdRole, str], ...] = (
    ("initial_level", "initial", "initial"),
    ("margin_call_level", "margin_call", "margin call"),
    ("liquidation_level", "liquidation", "liquidation"),
)


def make_chart(scenario: str, results: Sequence[DemoRunResult]) -> ChartSpec:
    """Both levels with the account's thresholds, alerts and actions, and the prices below."""
    first = results[0]
    return ChartSpec(
        title=f"{scenario}: the same account with and without help",
        subtitle="margin level of cross; alerts and actions as they happened",
        lines=[ChartLine(run["name"], _parse_points(run["series"]["margin_level"])) for run in results],
        thresholds=[
            ThresholdLine(f"{words} {format_level(Decimal(first['bars'][bar]))}", Decimal(first["bars"][bar]), role)
            for bar, role, words in _THRESHOLDS
            if bar in first["bars"]
        ],
        markers=[mark for run in results for mark in _markers(run)],
        prices=[
            ChartLine(symbol, points)
            for symbol in ("BTCUSDT", "SOLUSDT")
            if (points := _parse_points(first["series"][symbol]))
        ],
    )


def _markers(run: Mapping[str, Any]) -> list[Marker]:
    """The first firing of each cross rule, the first sending of each action, and the liquidation."""
    marks: list[Marker] = []
    rungs = (
        {a["rule"]: a for a in reversed(run["alerts"]) if a["scope"] == "cross"} if run["name"] == "unguarded" else {}
    )
    for rule in ("below-initial", "near-call", "margin-call"):
        if rule in rungs:
            alert = rungs[rule]
            marks.append(Marker(_parse_time(alert["fired_at"]), "alert", rule, run["name"], alert["severity"]))
    for action in run["actions"]:
        if action["state"] == "CONFIRMED":
            verb = "repay" if action["kind"] == "repay" else "bring in"
            marks.append(
                Marker(
                    _parse_time(action["created_at"]), "action", f"{verb} {Decimal(action['amount']):,.0f}", run["name"]
                )
            )
    if run["liquidated_at"] is not None:
        marks.append(Marker(_parse_time(run["liquidated_at"]), "liquidation", "liquidated", run["name"]))
    return marks


def _parse_points(texts: Sequence[Sequence[str]]) -> list[tuple[datetime, Decimal | None]]:
    return [(_parse_time(at), Decimal(value)) for at, value in texts]


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
