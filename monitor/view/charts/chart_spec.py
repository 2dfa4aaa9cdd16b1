"""What a picture shows, and how it is drawn: by a short-lived child, so that no plotting library stays behind."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from monitor.core.model.alert import Severity
from monitor.view.json_values import Document, json_decimal, json_time

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
    """Something that happened, on the line of that label ("": the first)."""

    at: datetime
    kind: MarkerKind
    text: str
    line: str = ""
    severity: Severity = "critical"


@dataclass(frozen=True, slots=True)
class DataGap:
    """A time in which the line has no value, and why."""

    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A time series with what matters around it. `prices` get a panel of their own, as change since its start.

    `form` is how the values of `lines` are labelled: as they are, or as percentages.
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
    """Pictures one below the other over one time axis. Of each only the title, no subtitle and no prices are shown."""

    title: str
    panels: Sequence[ChartSpec]
    subtitle: str = ""


class ChartFailed(Exception):
    """The child could not draw the picture."""


async def draw_chart(chart: ChartSpec | ChartPanels, path: Path, *, timeout_s: float = 60.0) -> None:
    """Write the picture to `path` as PNG. Takes about a second in another process.

    Raises PictureFailed when the child fails or is not done in time; it is killed then.
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


def chart_document(chart: ChartSpec | ChartPanels) -> Document:
    """The picture as JSON for the child."""
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


def _line(line: ChartLine) -> Document:
    return {"label": line.label, "points": [[json_time(at), json_decimal(value)] for at, value in line.points]}
