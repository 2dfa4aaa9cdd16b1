"""Several pictures in one: each in a panel with what matters around it, over one time axis."""

from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from monitor.view.charts.chart import (
    DPI,
    INK,
    LEFT,
    PALE,
    PLOT_WIDTH,
    WIDTH,
    draw_panel,
    fit_figures,
    lines_of,
    marks_of,
    meanings,
    scale,
    span_of,
)
from monitor.view.charts.labels import callouts, explain, readable, time_axis

_HEADING, _FOOT, _NAME, _BETWEEN = 0.58, 0.6, 0.24, 0.14
"""Inches above the first panel, below the last, for the name of each, and below each."""

_PLOTS = {2: 1.9, 3: 1.6}
_SMALL_PLOT = 1.25
"""Inches of a panel's plot; by how many there are, and of more."""


def drawn_in_panels(spec: dict[str, Any]) -> Figure:
    """The finished figure, as high as its panels need."""
    panels: list[dict[str, Any]] = spec["panels"]
    plot = _PLOTS.get(len(panels), _SMALL_PLOT)
    lines = [lines_of(one) for one in panels]
    found = [marks_of(one, drawn) for one, drawn in zip(panels, lines, strict=True)]
    span = span_of(
        [points for drawn in lines for points in drawn.values()], [mark for marks in found for mark in marks]
    )
    found = [readable(marks, span) for marks in found]
    height = _HEADING + _FOOT + len(panels) * (_NAME + plot + _BETWEEN)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    all_axes = [figure.add_axes((LEFT, 0.1, PLOT_WIDTH, 0.5), label=str(number)) for number in range(len(panels))]
    named: list[float] = []
    for axes, one, drawn, marks in zip(all_axes, panels, lines, found, strict=True):
        scale(axes, one, drawn, span)
        named.append(callouts(figure, axes, marks) * height)
    height += sum(named)
    figure.set_figheight(height)
    top = height - _HEADING
    for axes, one, drawn, marks, lanes in zip(all_axes, panels, lines, found, named, strict=True):
        figure.text(0.02, (top - 0.1) / height, one["title"], fontsize=9, fontweight="bold", color=INK, va="center")
        top -= _NAME + lanes + plot
        axes.set_position((LEFT, top / height, PLOT_WIDTH, plot / height))
        draw_panel(figure, axes, one, drawn, marks)
        fit_figures(figure, axes)
        axes.tick_params(labelbottom=axes is all_axes[-1])
        top -= _BETWEEN
    time_axis(all_axes[-1], PALE)
    explain(figure, meanings(panels), PALE)
    figure.text(0.02, 1 - 0.21 / height, spec["title"], fontsize=12, fontweight="bold", color=INK, va="center")
    figure.text(0.02, 1 - 0.41 / height, spec["subtitle"], fontsize=8.5, color=PALE, va="center")
    return figure
