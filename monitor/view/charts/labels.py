"""Placement of labels in a chart without overlaps; loaded by the drawing process only."""

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_LANE_HEIGHT = 0.21
"""Height of a lane of labels, in inches."""
_MAX_LANES = 6
_TEXT_SIZE = 7.5
_RIGHT_EDGE = 0.985
_BOTTOM_MARGIN = 0.15
"""Distance from the lower edge, in inches."""
_CLOSE_SHARE = 0.015
"""Marks closer than this share of the chart's width overlap."""
_MAX_NAMES = 6
_MAX_JOINED = 3

RESOLVED = "^"
"""The marker of an alert's end."""


@dataclass(frozen=True, slots=True)
class Callout:
    """One marked moment of one line; `y` None: the line has no value at that time."""

    x: float
    y: float | None
    text: str
    colour: str
    marker: str
    line: str = ""


def merge_close_labels(marks: list[Callout], span: tuple[float, float]) -> list[Callout]:
    """The marks with as many names as can be read: marks of one style at nearly the same moment share one.

    Where many are left, an alert's end keeps its mark and loses its name.
    """
    near = (span[1] - span[0]) * _CLOSE_SHARE
    kept: list[Callout] = []
    for mark in sorted(marks, key=lambda m: (*_appearance(m), m.x)):
        last = kept[-1] if kept else None
        if last is None or _appearance(last) != _appearance(mark) or mark.x - last.x > near:
            kept.append(mark)
        else:
            kept[-1] = replace(last, text=_join_names(last.text, mark.text))
    if sum(bool(mark.text) for mark in kept) > _MAX_NAMES:
        kept = [replace(mark, text="") if mark.marker == RESOLVED else mark for mark in kept]
    return kept


def draw_marker_legend(figure: Figure, meanings: list[tuple[str, str]], colour: str) -> None:
    """Draw the meaning of the marker shapes below the chart."""
    x, foot = 0.02, _BOTTOM_MARGIN / figure.get_figheight()
    for marker, meaning in meanings:
        line: Any = figure.add_artist(
            Line2D(
                [x], [foot], marker=marker, markersize=5, color=colour, linestyle="none", transform=figure.transFigure
            )
        )
        line.set_clip_on(False)
        figure.text(x + 0.01, foot, meaning, fontsize=_TEXT_SIZE, color=colour, va="center")
        x += 0.03 + 0.0085 * len(meaning)


def draw_callouts(figure: Figure, axes: Axes, marks: list[Callout]) -> float:
    """Name the marks above the plot, in as few lanes as avoid collisions; returns their height as a share of the
    figure.

    A mark whose name does not fit into the last lane stays without a name.
    """
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # the Agg canvas has one
    starts: list[float] = []
    # From right to left, so that no leader crosses a name: the earlier mark of two close ones is named higher up.
    for mark in sorted(marks, key=lambda m: m.x, reverse=True):
        if not mark.text:
            continue
        label: Any = axes.annotate(
            mark.text,
            (mark.x, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=_TEXT_SIZE,
            color=mark.colour,
            va="center",
            annotation_clip=False,
        )
        box = label.get_window_extent(renderer)
        shift = min(4.0, figure.bbox.width * _RIGHT_EDGE - box.x1)
        lane = next((i for i, start in enumerate(starts) if box.x1 + shift + 10 < start), len(starts))
        if lane == _MAX_LANES:
            label.remove()
            continue
        starts[lane : lane + 1] = [box.x0 + shift]
        lift = (lane + 0.7) * _LANE_HEIGHT * 72
        label.xyann = (shift * 72 / figure.dpi, lift)
        _draw_leader(axes, mark, lift + 4)
    return len(starts) * _LANE_HEIGHT / figure.get_figheight()


def label_right_end(axes: Axes, labels: list[tuple[float, str, str]], size: float) -> None:
    """Draw names at the right end of their lines, moved apart only as far as they would overlap."""
    figure = axes.get_figure()
    assert figure is not None
    low, high = axes.get_ylim()
    height_points = axes.get_position().height * figure.bbox.height * 72 / figure.dpi
    step = (high - low) * size * 1.3 / height_points
    ordered = sorted(labels)
    for (_, text, colour), y in zip(ordered, _spread([value for value, _, _ in ordered], step), strict=True):
        axes.annotate(
            text,
            (1.0, y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            fontsize=size,
            va="center",
            annotation_clip=False,
        )


def format_time_axis(axes: Axes, colour: str) -> None:
    """Set ticks at round times, and the dates they belong to."""
    locator: Any = dates.AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]  # untyped library
    formatter: Any = dates.ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]  # as above
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    first, last = (x_to_time(x) for x in axes.get_xlim())
    days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    axes.set_xlabel(f"{days}, UTC", fontsize=8, color=colour, loc="right")


def time_to_x(moment: datetime) -> float:
    """The time as a coordinate."""
    return float(dates.date2num(moment))  # type: ignore[no-untyped-call]  # untyped library


def x_to_time(x: float) -> datetime:
    moment: datetime = dates.num2date(x, tz=UTC)  # type: ignore[no-untyped-call]  # untyped library
    return moment


def interpolate(points: list[tuple[float, float]], x: float) -> float | None:
    """The line's value at `x`, linear between its points; None in a gap or before its start."""
    after = bisect_right([p[0] for p in points], x)
    if after == 0:
        return None
    (x0, y0), (x1, y1) = points[after - 1], points[min(after, len(points) - 1)]
    if math.isnan(y0):
        return None
    return y0 if math.isnan(y1) or x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _appearance(mark: Callout) -> tuple[str, str, str]:
    return mark.line, mark.marker, mark.colour


def _join_names(first: str, second: str) -> str:
    """Both names, up to the number that can be read."""
    names = [name for name in first.split(", ") if name]
    if len(names) > _MAX_JOINED or not second or second in names:
        return first
    return ", ".join([*names, second if len(names) < _MAX_JOINED else "…"])


def _draw_leader(axes: Axes, mark: Callout, lift: float) -> None:
    """A thin line from a name down to its mark."""
    low, high = axes.get_ylim()
    line = {"arrowstyle": "-", "color": mark.colour, "alpha": 0.35, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    foot = high if mark.y is None else min(max(mark.y, low), high)
    axes.annotate(
        "", (mark.x, foot), xytext=(mark.x, 1.0), textcoords=("data", "axes fraction"), arrowprops=line,
        annotation_clip=False,
    )  # fmt: skip
    axes.annotate(
        "", (mark.x, 1.0), xycoords=("data", "axes fraction"), xytext=(0, lift), textcoords="offset points",
        arrowprops=line, annotation_clip=False,
    )  # fmt: skip


def _spread(values: list[float], step: float) -> list[float]:
    """Ascending positions at least `step` apart, each group centred on its values."""
    groups: list[list[float]] = []
    for value in values:
        groups.append([value])
        while (
            len(groups) > 1
            and _lowest_position(groups[-1], step) < _lowest_position(groups[-2], step) + len(groups[-2]) * step
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_lowest_position(group, step) + number * step for group in groups for number in range(len(group))]


def _lowest_position(group: list[float], step: float) -> float:
    return sum(group) / len(group) - step * (len(group) - 1) / 2
