"""Fans of levels as panels over one axis of hours; loaded by the drawing process only.

Coordinates of a chart are no money: as in `chart`, values are floats.
"""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MultipleLocator

from monitor.view.charts.chart import (
    DPI,
    LEFT,
    LINE_COLOURS,
    MUTED_COLOUR,
    PLOT_WIDTH,
    TEXT_COLOUR,
    WIDTH,
    Points,
    draw_panel,
    fit_axis_labels,
    set_scale,
)

_HEADING, _FOOT, _NAME, _BETWEEN = 0.58, 0.66, 0.24, 0.14
"""Inches above the first panel, below the last, for the name of each, and below each."""

_PLOTS = {1: 3.4, 2: 1.9, 3: 1.6}
_SMALL_PLOT = 1.25
"""Inches of a panel's plot: by the number of panels, and for more of them."""

_BAND_SHADES = ("#dbeafe", "#93c5fd", "#60a5fa")
"""Colours of the bands, the widest first: opaque, so that they look the same on any background."""

_HOUR_STEPS = ((30, 6), (80, 12), (200, 24), (800, 96))
"""Up to so many hours, a tick every so many."""
_LONGEST_STEP = 240
_DAYS_FROM = 72
"""From so many hours on the axis is in days."""

_FOOT_LINE = 0.15
_FOOT_SIZE = 7.5


def draw_fans(spec: dict[str, Any]) -> Figure:
    """The finished figure, as high as its panels need."""
    panels: list[dict[str, Any]] = spec["fans"]
    hours = [float(hour) for hour in spec["hours"]]
    plot = _PLOTS.get(len(panels), _SMALL_PLOT)
    height = _HEADING + _FOOT + len(panels) * (_NAME + plot + _BETWEEN)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    top = height - _HEADING
    for number, panel in enumerate(panels):
        name = (top - 0.1) / height
        figure.text(0.02, name, panel["title"], fontsize=9, fontweight="bold", color=TEXT_COLOUR, va="center")
        top -= _NAME + plot
        axes = figure.add_axes((LEFT, top / height, PLOT_WIDTH, plot / height), label=str(number))
        _draw_fan(figure, axes, panel, hours)
        is_last = number == len(panels) - 1
        axes.tick_params(labelbottom=is_last)
        if is_last:
            _format_hours(axes, hours[-1])
        top -= _BETWEEN
    if panels:
        _draw_legend(figure, [band["label"] for band in panels[0]["bands"]])
    figure.text(0.02, 1 - 0.21 / height, spec["title"], fontsize=12, fontweight="bold", color=TEXT_COLOUR, va="center")
    figure.text(0.02, 1 - 0.41 / height, spec["subtitle"], fontsize=8.5, color=MUTED_COLOUR, va="center")
    return figure


def _draw_fan(figure: Figure, axes: Axes, panel: dict[str, Any], hours: list[float]) -> None:
    """Draw the bands, and over them the lines and thresholds as in every chart."""
    bands = [(_levels(band["low"]), _levels(band["high"])) for band in panel["bands"]]
    lines = {line["label"]: _points(hours, line["levels"]) for line in panel["lines"]}
    edges: dict[str, Points] = {
        str(number): list(zip(hours, edge, strict=True))
        for number, edge in enumerate(edge for band in bands for edge in band)
    }
    set_scale(axes, {"bars": panel["bars"], "form": "number"}, lines | edges, (hours[0], hours[-1]))
    for (low, high), shade in zip(bands, _BAND_SHADES, strict=False):
        axes.fill_between(hours, low, high, color=shade, linewidth=0, zorder=1)
    draw_panel(figure, axes, {"gaps": [], "bars": panel["bars"]}, lines, [])
    fit_axis_labels(figure, axes)
    axes.xaxis.set_major_locator(MultipleLocator(_tick_step(hours[-1])))


def _format_hours(axes: Axes, last: float) -> None:
    """Name the ticks by hours, or by days where a window is long."""
    divisor = 24 if last >= _DAYS_FROM else 1
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:g}"))
    unit = "days" if divisor == 24 else "hours"
    axes.set_xlabel(f"{unit} after the start of a window", fontsize=8, color=MUTED_COLOUR, loc="right")


def _tick_step(last: float) -> float:
    return next((step for longest, step in _HOUR_STEPS if last <= longest), _LONGEST_STEP)


def _draw_legend(figure: Figure, labels: list[str]) -> None:
    """Draw the meaning of the shades below the chart, the darkest first."""
    height, x = figure.get_figheight(), 0.02
    foot = _FOOT_LINE / height
    shades = list(zip(labels, _BAND_SHADES, strict=False))
    for label, shade in reversed(shades):
        box = (0.011, 0.11 / height)
        figure.add_artist(Rectangle((x, foot - box[1] / 2), *box, color=shade, transform=figure.transFigure))
        figure.text(x + 0.017, foot, label, fontsize=_FOOT_SIZE, color=MUTED_COLOUR, va="center")
        x += 0.037 + 0.0085 * len(label)
    figure.add_artist(
        Rectangle((x, foot - 0.01 / height), 0.016, 0.02 / height, color=LINE_COLOURS[0], transform=figure.transFigure)
    )
    figure.text(x + 0.022, foot, "the middle of all windows", fontsize=_FOOT_SIZE, color=MUTED_COLOUR, va="center")


def _points(hours: list[float], levels: list[str | None]) -> Points:
    return list(zip(hours, _levels(levels), strict=True))


def _levels(texts: list[str | None]) -> list[float]:
    return [math.nan if text is None else float(text) for text in texts]
