"""Several charts as panels over one time axis."""

from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from monitor.view.charts.chart import (
    DPI,
    LEFT,
    MUTED_COLOUR,
    PLOT_WIDTH,
    TEXT_COLOUR,
    WIDTH,
    draw_panel,
    extract_callouts,
    extract_lines,
    fit_axis_labels,
    marker_meanings,
    set_scale,
    time_span,
)
from monitor.view.charts.labels import draw_callouts, draw_marker_legend, format_time_axis, merge_close_labels

_HEADING, _FOOT, _NAME, _BETWEEN = 0.58, 0.6, 0.24, 0.14
"""Inches above the first panel, below the last, for the name of each, and below each."""

_PLOTS = {2: 1.9, 3: 1.6}
_SMALL_PLOT = 1.25
"""Inches of a panel's plot: by the number of panels, and for more of them."""


def draw_panels(spec: dict[str, Any]) -> Figure:
    """The finished figure, as high as its panels need."""
    panels: list[dict[str, Any]] = spec["panels"]
    plot = _PLOTS.get(len(panels), _SMALL_PLOT)
    lines = [extract_lines(panel) for panel in panels]
    found = [extract_callouts(one, drawn) for one, drawn in zip(panels, lines, strict=True)]
    span = time_span(
        [points for drawn in lines for points in drawn.values()], [mark for marks in found for mark in marks]
    )
    found = [merge_close_labels(marks, span) for marks in found]
    height = _HEADING + _FOOT + len(panels) * (_NAME + plot + _BETWEEN)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    all_axes = [figure.add_axes((LEFT, 0.1, PLOT_WIDTH, 0.5), label=str(number)) for number in range(len(panels))]
    named: list[float] = []
    for axes, one, drawn, marks in zip(all_axes, panels, lines, found, strict=True):
        set_scale(axes, one, drawn, span)
        named.append(draw_callouts(figure, axes, marks) * height)
    height += sum(named)
    figure.set_figheight(height)
    top = height - _HEADING
    for axes, one, drawn, marks, lanes in zip(all_axes, panels, lines, found, named, strict=True):
        figure.text(
            0.02, (top - 0.1) / height, one["title"], fontsize=9, fontweight="bold", color=TEXT_COLOUR, va="center"
        )
        top -= _NAME + lanes + plot
        axes.set_position((LEFT, top / height, PLOT_WIDTH, plot / height))
        draw_panel(figure, axes, one, drawn, marks)
        fit_axis_labels(figure, axes)
        axes.tick_params(labelbottom=axes is all_axes[-1])
        top -= _BETWEEN
    format_time_axis(all_axes[-1], MUTED_COLOUR)
    draw_marker_legend(figure, marker_meanings(panels), MUTED_COLOUR)
    figure.text(0.02, 1 - 0.21 / height, spec["title"], fontsize=12, fontweight="bold", color=TEXT_COLOUR, va="center")
    figure.text(0.02, 1 - 0.41 / height, spec["subtitle"], fontsize=8.5, color=MUTED_COLOUR, va="center")
    return figure
