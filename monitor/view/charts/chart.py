"""One chart, drawn with matplotlib; loaded by the drawing process only.

Coordinates of a chart are no money: here, and only here, values are floats.
"""

import math
from datetime import datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import offset_copy

from monitor.view.charts.labels import (
    RESOLVED,
    Callout,
    draw_callouts,
    draw_marker_legend,
    format_time_axis,
    interpolate,
    label_right_end,
    merge_close_labels,
    time_to_x,
)

WIDTH, _HEIGHT, DPI = 8.0, 5.0, 160
LEFT, PLOT_WIDTH, _BOTTOM = 0.085, 0.735, 0.105
TEXT_COLOUR, MUTED_COLOUR = "#1f2937", "#6b7280"
LINE_COLOURS = ("#1d4ed8", "#c2410c", "#0f766e", "#7c3aed", "#be185d", "#4d7c0f")
_PRICE_COLOURS = ("#374151", "#9333ea", "#0891b2", "#a16207")
_THRESHOLD_COLOURS = {"initial": "#6b7280", "margin_call": "#d97706", "liquidation": "#b91c1c"}
_SEVERITY_COLOURS = {"info": "#2563eb", "warning": "#d97706", "critical": "#b91c1c"}
_MARKER_SHAPES = {"alert": "v", "resolved": RESOLVED, "action": "D", "liquidation": "X"}

_MIN_GAP_SHARE = 0.025
_AXIS_FONT_SIZE = 8.0
_MARKER_OFFSETS = {"v": 7, RESOLVED: -7}
_MARKER_MEANINGS = {
    "alert": "alert fires",
    "resolved": "alert resolved",
    "action": "action done",
    "liquidation": "liquidated",
}

Points = list[tuple[float, float]]


def draw_figure(spec: dict[str, Any]) -> Figure:
    """The finished figure of one chart."""
    figure = Figure(figsize=(WIDTH, _HEIGHT), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    lines = extract_lines(spec)
    marks = extract_callouts(spec, lines)
    span = time_span(list(lines.values()), marks)
    marks = merge_close_labels(marks, span)
    price_height = 0.19 if spec["prices"] else 0.0
    axes_bottom = _BOTTOM + (price_height + 0.045 if price_height else 0.0)
    axes = figure.add_axes((LEFT, axes_bottom, PLOT_WIDTH, 0.5))
    set_scale(axes, spec, lines, span)
    top = 0.885 if spec["subtitle"] else 0.92
    top -= draw_callouts(figure, axes, marks)
    axes.set_position((LEFT, axes_bottom, PLOT_WIDTH, top - axes_bottom))
    draw_panel(figure, axes, spec, lines, marks)
    lowest = axes
    if price_height:
        lowest = figure.add_axes((LEFT, _BOTTOM, PLOT_WIDTH, price_height), sharex=axes)
        _draw_prices(lowest, spec["prices"])
        axes.tick_params(labelbottom=False)
    fit_axis_labels(figure, axes)
    format_time_axis(lowest, MUTED_COLOUR)
    draw_marker_legend(figure, marker_meanings([spec]), MUTED_COLOUR)
    figure.text(0.02, 0.957, spec["title"], fontsize=12, fontweight="bold", color=TEXT_COLOUR, va="center")
    figure.text(0.02, 0.915, spec["subtitle"], fontsize=8.5, color=MUTED_COLOUR, va="center")
    return figure


def extract_lines(spec: dict[str, Any]) -> dict[str, Points]:
    """The lines by their labels."""
    return {line["label"]: _points(line) for line in spec["lines"]}


def extract_callouts(spec: dict[str, Any], lines: dict[str, Points]) -> list[Callout]:
    """The marked events, each on its line."""
    return [_make_callout(mark, lines) for mark in spec["marks"]]


def set_scale(axes: Axes, spec: dict[str, Any], lines: dict[str, Points], span: tuple[float, float]) -> None:
    """Set the style, time range and value range of the axes."""
    _style_axes(axes)
    axes.set_xlim(*span)
    axes.set_ylim(*_value_range(lines, [float(bar["value"]) for bar in spec["bars"]]))
    axes.yaxis.set_major_formatter(FuncFormatter(_value_formatter(spec["form"])))
    axes.yaxis.set_major_locator(MaxNLocator(6))


def draw_panel(
    figure: Figure, axes: Axes, spec: dict[str, Any], lines: dict[str, Points], marks: list[Callout]
) -> None:
    """Draw the content of axes whose scale and position are set."""
    _draw_gaps(axes, spec["gaps"])
    _draw_lines(axes, lines, spec["bars"])
    _draw_markers(figure, axes, marks)


def marker_meanings(specs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The marker shapes in use, and the meaning of each."""
    kinds = {mark["kind"] for spec in specs for mark in spec["marks"]}
    return [(_MARKER_SHAPES[kind], meaning) for kind, meaning in _MARKER_MEANINGS.items() if kind in kinds]


def time_span(lines: list[Points], marks: list[Callout]) -> tuple[float, float]:
    """The time span that covers all lines and marks."""
    times = [x for points in lines for x, _ in points] + [mark.x for mark in marks]
    if not times:
        return 0.0, 1.0
    first, last = min(times), max(times)
    return (first, last) if last > first else (first - 0.01, last + 0.01)


def _draw_gaps(axes: Axes, gaps: list[dict[str, Any]]) -> None:
    """Label each gap of a line with its reason, where there is room."""
    first, last = axes.get_xlim()
    for gap in gaps:
        start, end = max(_time_number(gap["start"]), first), min(_time_number(gap["end"]), last)
        if end - start < _MIN_GAP_SHARE * (last - first):
            continue
        axes.axvspan(start, end, color="#f3f4f6", linewidth=0, zorder=0)
        axes.text(
            (start + end) / 2, 0.5, gap["text"],
            transform=axes.get_xaxis_transform(), rotation=90, fontsize=7.5, color=MUTED_COLOUR,
            ha="center", va="center",
            bbox={"boxstyle": "square,pad=0.3", "facecolor": "#f3f4f6", "linewidth": 0}, zorder=2,
        )  # fmt: skip


def _draw_lines(axes: Axes, lines: dict[str, Points], bars: list[dict[str, Any]]) -> None:
    """Draw the lines over the thresholds; values above the chart run along its upper edge, pale."""
    low, high = axes.get_ylim()
    labels = []
    for bar in bars:
        value, colour = float(bar["value"]), _THRESHOLD_COLOURS[bar["role"]]
        axes.axhline(value, color=colour, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
        labels.append((value, bar["label"], colour))
        if bar["role"] == "liquidation":
            axes.axhspan(low, value, color=colour, alpha=0.06, linewidth=0, zorder=0)
    first, last = axes.get_xlim()
    for number, (label, points) in enumerate(lines.items()):
        colour = LINE_COLOURS[number % len(LINE_COLOURS)]
        axes.plot(*_split_columns(points), color=colour, linewidth=1.8, zorder=3)
        beyond = [(x, high if y > high else math.nan) for x, y in points]
        if any(not math.isnan(y) for _, y in beyond):
            axes.plot(*_split_columns(beyond), color=colour, linewidth=3, alpha=0.35, zorder=3)
            start = next(x for x, y in beyond if not math.isnan(y))
            most = max(y for _, y in points if not math.isnan(y))
            axes.annotate(
                f"higher here, up to {most:,.2f}",
                (start, high),
                xytext=(2, -9),
                textcoords="offset points",
                color=MUTED_COLOUR,
                fontsize=7.5,
                va="center",
            )
        end = next(((x, y) for x, y in reversed(points) if not math.isnan(y)), None)
        if not label or end is None:
            continue
        x, y = end[0], min(max(end[1], low), high)
        if x < first + 0.9 * (last - first):
            axes.annotate(
                label,
                (x, y),
                xytext=(9, 0),
                textcoords="offset points",
                color=colour,
                fontsize=8.5,
                va="center",
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.85, "linewidth": 0},
            )
        else:
            labels.append((y, label, colour))
    label_right_end(axes, labels, 8.5)


def _draw_markers(figure: Figure, axes: Axes, marks: list[Callout]) -> None:
    """Draw the markers: an alert's start above the line, its end below, so that an action of the same moment shows
    between."""
    low, high = axes.get_ylim()
    for mark in marks:
        height = high if mark.y is None else min(max(mark.y, low), high)
        axes.plot(
            [mark.x],
            [height],
            marker=mark.marker,
            color=mark.colour,
            markersize=6.5,
            markeredgecolor="white",
            markeredgewidth=0.7,
            linestyle="none",
            transform=offset_copy(axes.transData, figure, y=_MARKER_OFFSETS.get(mark.marker, 0), units="points"),
            zorder=5,
            clip_on=False,
        )


def _draw_prices(axes: Axes, prices: list[dict[str, Any]]) -> None:
    """Draw prices as change since the start of the chart, so that assets of any size share one scale."""
    _style_axes(axes)
    labels: list[tuple[float, str, str]] = []
    everything: list[float] = []
    for number, line in enumerate(prices):
        colour = _PRICE_COLOURS[number % len(_PRICE_COLOURS)]
        points = _points(line)
        start = next((y for _, y in points if not math.isnan(y) and y), None)
        if start is None:
            continue
        change = [(x, y / start - 1) for x, y in points]
        axes.plot(*_split_columns(change), color=colour, linewidth=1.2, zorder=3)
        known = [y for _, y in change if not math.isnan(y)]
        everything += known
        labels.append((known[-1], f"{line['label']} {known[-1] * 100:+.1f} %", colour))
    if everything:
        low, high = min(everything), max(everything)
        margin = 0.1 * (high - low) or 0.01
        axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_formatter(FuncFormatter(_value_formatter("percent")))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    label_right_end(axes, labels, 8)


def _points(line: dict[str, Any]) -> Points:
    return [(_time_number(at), math.nan if value is None else float(value)) for at, value in line["points"]]


def _time_number(at: str) -> float:
    return time_to_x(datetime.fromisoformat(at))


def _split_columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _make_callout(mark: dict[str, Any], lines: dict[str, Points]) -> Callout:
    x = _time_number(mark["at"])
    line = mark["line"] if mark["line"] in lines else next(iter(lines), "")
    match mark["kind"]:
        case "alert":
            colour = _SEVERITY_COLOURS[mark["severity"]]
        case "liquidation":
            colour = "#111827"
        case _:
            colour = "#15803d"
    return Callout(x, interpolate(lines.get(line, []), x), mark["text"], colour, _MARKER_SHAPES[mark["kind"]], line)


def _style_axes(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d1d5db")
    axes.grid(axis="y", color="#eef0f3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED_COLOUR, labelsize=_AXIS_FONT_SIZE, length=0)


def fit_axis_labels(figure: Figure, axes: Axes) -> None:
    """Size the labels of the value axis to the room on their left."""
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]  # untyped library
    room = (LEFT - 0.01) * figure.bbox.width
    low, high = axes.get_ylim()
    shown = [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]
    widest = max((label.get_window_extent(renderer).width for label in shown), default=0.0)
    if widest > room:
        axes.tick_params(axis="y", labelsize=_AXIS_FONT_SIZE * room / widest)


def _value_range(lines: dict[str, Points], bars: list[float]) -> tuple[float, float]:
    """The values shown: around the thresholds if there are any, so that a level of 40 does not flatten the rest."""
    known = [y for points in lines.values() for _, y in points if not math.isnan(y)]
    if not known and not bars:
        return 0.0, 1.0
    low, high = min(known + bars), max(known + bars)
    if bars and known and max(bars) > 0:
        room = max(max(bars) - min(bars), 0.05 * max(bars))
        high = min(high, max(max(bars) + 3 * room, 1.6 * min(known)))
        low = max(low, min(bars) - 1.2 * room)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _value_formatter(form: str) -> Any:
    if form == "percent":
        return lambda value, _: f"{value * 100:g} %"
    return lambda value, _: f"{value:,.2f}" if 0.1 <= abs(value) < 100 or not value else f"{value:,.6g}"
