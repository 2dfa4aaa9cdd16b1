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
from monitor.view.json_values import Document, decimal_text, moment_text

BarRole = Literal["initial", "margin_call", "liquidation"]
MarkKind = Literal["alert", "resolved", "action", "liquidation"]


@dataclass(frozen=True, slots=True)
class Line:
    """One series. A value of None (infinite or unavailable) is a gap."""

    label: str
    points: Sequence[tuple[datetime, Decimal | None]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A level at which the exchange acts. `role` decides its colour."""

    label: str
    value: Decimal
    role: BarRole


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, on the line of that label ("": the first)."""

    at: datetime
    kind: MarkKind
    text: str
    line: str = ""
    severity: Severity = "critical"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which the line has no value, and why."""

    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A time series with what matters around it. `prices` get a panel of their own, as change since its start.

    `form` is how the values of `lines` are labelled: as they are, or as percentages.
    """

    title: str
    lines: Sequence[Line]
    subtitle: str = ""
    bars: Sequence[Bar] = ()
    marks: Sequence[Mark] = ()
    prices: Sequence[Line] = ()
    gaps: Sequence[Gap] = ()
    form: Literal["number", "percent"] = "number"


@dataclass(frozen=True, slots=True)
class Panels:
    """Pictures one below the other over one time axis. Of each only the title, no subtitle and no prices are shown."""

    title: str
    panels: Sequence[Picture]
    subtitle: str = ""


class PictureFailed(Exception):
    """The child could not draw the picture."""


async def draw(picture: Picture | Panels, path: Path, *, timeout_s: float = 60.0) -> None:
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
            _, said = await child.communicate(json.dumps(as_document(picture)).encode())
    except TimeoutError:
        raise PictureFailed(f"the picture was not ready within {timeout_s:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise PictureFailed(last or f"the drawing process ended with {child.returncode}")


def as_document(picture: Picture | Panels) -> Document:
    """The picture as JSON for the child."""
    if isinstance(picture, Panels):
        panels = [as_document(panel) for panel in picture.panels]
        return {"title": picture.title, "subtitle": picture.subtitle, "panels": panels}
    return {
        "title": picture.title,
        "subtitle": picture.subtitle,
        "form": picture.form,
        "lines": [_line(line) for line in picture.lines],
        "prices": [_line(line) for line in picture.prices],
        "gaps": [{"start": moment_text(g.start), "end": moment_text(g.end), "text": g.text} for g in picture.gaps],
        "bars": [{"label": b.label, "value": decimal_text(b.value), "role": b.role} for b in picture.bars],
        "marks": [
            {"at": moment_text(m.at), "kind": m.kind, "text": m.text, "line": m.line, "severity": m.severity}
            for m in picture.marks
        ],
    }


def _line(line: Line) -> Document:
    return {"label": line.label, "points": [[moment_text(at), decimal_text(value)] for at, value in line.points]}
