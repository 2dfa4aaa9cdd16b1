"""The specification of a chart, and its drawing in a child process, so that no plotting library stays loaded."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from monitor.core.model.alert import Severity
from monitor.view.json_values import json_decimal, json_time

ThresholdRole = Literal["initial", "margin_call", "liquidation"]
MarkerKind = Literal["alert", "resolved", "action", "liquidation"]


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One series. A value of None (infinite or unavailable) is a gap."""

    label: str
    points: Sequence[tuple[datetime, Decimal | None]]


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """A level at which the exchange acts. `role` decides its colour."""

    label: str
    value: Decimal
    role: ThresholdRole


@dataclass(frozen=True, slots=True)
class Marker:
    """An event, on the line with that label ("": the first)."""

    at: datetime
    kind: MarkerKind
    text: str
    line: str = ""
    severity: Severity = "critical"


@dataclass(frozen=True, slots=True)
class DataGap:
    """A time in which the line has no value, and the reason."""

    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A time series with its thresholds, markers and gaps. `prices` get a panel of their own, as change since its
    start.

    `form` is the unit of the labels of `lines`: plain numbers or percentages.
    """

    title: str
    lines: Sequence[ChartLine]
    subtitle: str = ""
    thresholds: Sequence[ThresholdLine] = ()
    markers: Sequence[Marker] = ()
    prices: Sequence[ChartLine] = ()
    gaps: Sequence[DataGap] = ()
    value_format: Literal["number", "percent"] = "number"


@dataclass(frozen=True, slots=True)
class ChartPanels:
    """Charts one below the other over one time axis. Only their titles are shown, no subtitles and no prices."""

    title: str
    panels: Sequence[ChartSpec]
    subtitle: str = ""


@dataclass(frozen=True, slots=True)
class FanBand:
    """The levels between two percentiles of the windows, one pair of values for each hour."""

    label: str
    low: Sequence[Decimal]
    high: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class FanLine:
    """One level for each hour: a percentile, or a single window."""

    label: str
    levels: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class FanPanel:
    """One scope: its bands, the widest first, the lines over them, and its thresholds."""

    title: str
    bands: Sequence[FanBand]
    lines: Sequence[FanLine]
    thresholds: Sequence[ThresholdLine]


@dataclass(frozen=True, slots=True)
class FanChart:
    """Fans one below the other. `hours` are those after the start of a window, 0 first; all scopes share them."""

    title: str
    subtitle: str
    hours: Sequence[int]
    panels: Sequence[FanPanel]


class ChartFailed(Exception):
    """The child process could not draw the chart."""


async def draw_chart(chart: ChartSpec | ChartPanels | FanChart, path: Path, *, timeout_s: float = 60.0) -> None:
    """Write the chart to `path` as PNG. Takes about a second in another process.

    Raises ChartFailed when the child fails or exceeds `timeout_s`; it is killed then.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "monitor.view.charts.drawing_process", str(path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            _, said = await child.communicate(json.dumps(chart_document(chart)).encode())
    except TimeoutError:
        raise ChartFailed(f"the picture was not ready within {timeout_s:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise ChartFailed(last or f"the drawing process ended with {child.returncode}")


def chart_document(chart: ChartSpec | ChartPanels | FanChart) -> dict[str, Any]:
    """The chart as JSON for the child process."""
    if isinstance(chart, FanChart):
        return _fan_document(chart)
    if isinstance(chart, ChartPanels):
        panels = [chart_document(panel) for panel in chart.panels]
        return {"title": chart.title, "subtitle": chart.subtitle, "panels": panels}
    return {
        "title": chart.title,
        "subtitle": chart.subtitle,
        "form": chart.value_format,
        "lines": [_line(line) for line in chart.lines],
        "prices": [_line(line) for line in chart.prices],
        "gaps": [{"start": json_time(g.start), "end": json_time(g.end), "text": g.text} for g in chart.gaps],
        "bars": [{"label": b.label, "value": json_decimal(b.value), "role": b.role} for b in chart.thresholds],
        "marks": [
            {"at": json_time(m.at), "kind": m.kind, "text": m.text, "line": m.line, "severity": m.severity}
            for m in chart.markers
        ],
    }


def _fan_document(chart: FanChart) -> dict[str, Any]:
    return {
        "title": chart.title,
        "subtitle": chart.subtitle,
        "hours": list(chart.hours),
        "fans": [
            {
                "title": panel.title,
                "bands": [
                    {"label": b.label, "low": _level_texts(b.low), "high": _level_texts(b.high)} for b in panel.bands
                ],
                "lines": [{"label": line.label, "levels": _level_texts(line.levels)} for line in panel.lines],
                "bars": [{"label": t.label, "value": json_decimal(t.value), "role": t.role} for t in panel.thresholds],
            }
            for panel in chart.panels
        ],
    }


def _level_texts(levels: Sequence[Decimal]) -> list[str | None]:
    return [json_decimal(level) for level in levels]


def _line(line: ChartLine) -> dict[str, Any]:
    return {"label": line.label, "points": [[json_time(at), json_decimal(value)] for at, value in line.points]}
