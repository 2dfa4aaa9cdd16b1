"""Fans of levels: bands inside each other, hours or days below, labels apart, on an opaque ground."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from monitor.view.charts.chart_spec import (
    FanBand,
    FanChart,
    FanLine,
    FanPanel,
    ThresholdLine,
    chart_document,
    draw_chart,
)
from monitor.view.charts.fan import draw_fans
from tests.view.charts.label_boxes import label_boxes, overlap

BARS = [
    ThresholdLine("initial 1.50", Decimal("1.5"), "initial"),
    ThresholdLine("margin call 1.30", Decimal("1.3"), "margin_call"),
    ThresholdLine("liquidation 1.10", Decimal("1.1"), "liquidation"),
]


def _levels(last: str, hours: int) -> list[Decimal]:
    """Return levels from 1.6 to `last` in equal steps."""
    step = (Decimal(last) - Decimal("1.6")) / hours
    return [Decimal("1.6") + step * hour for hour in range(hours + 1)]


def fan_panel(title: str, hours: int = 24) -> FanPanel:
    bands = [
        FanBand(label, _levels(low, hours), _levels(high, hours))
        for label, low, high in (
            ("98 of 100 windows", "1.20", "1.90"),
            ("90 of 100", "1.35", "1.80"),
            ("half of them", "1.52", "1.66"),
        )
    ]
    lines = [FanLine("middle", _levels("1.59", hours)), FanLine("worst: 5 February", _levels("1.05", hours))]
    return FanPanel(title, bands, lines, BARS)


def fan_chart(*titles: str, hours: int = 24) -> FanChart:
    panels = [fan_panel(title, hours) for title in titles]
    return FanChart("the last 90 days again", "3 of 2,137 windows", range(hours + 1), panels)


def drawn(chart: FanChart) -> Figure:
    return draw_fans(chart_document(chart))


async def test_chart_process_writes_a_fan(tmp_path: Path) -> None:
    path = tmp_path / "fan.png"
    await draw_chart(fan_chart("main cross"), path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert path.stat().st_size > 10_000


def test_each_band_is_inside_the_wider_one_and_darker() -> None:
    (axes,) = drawn(fan_chart("main cross")).axes
    bands = [each for each in axes.collections if isinstance(each, PolyCollection)][:3]
    ends = []
    for band in bands:
        points: Any = band.get_paths()[0].vertices
        colour: Any = band.get_facecolor()
        heights = [float(y) for x, y in points if x == 24]
        ends.append((min(heights), max(heights), float(sum(colour[0][:3]))))
    assert [(round(low, 2), round(high, 2)) for low, high, _ in ends] == [(1.2, 1.9), (1.35, 1.8), (1.52, 1.66)]
    assert all(wider[2] > narrower[2] for wider, narrower in pairwise(ends))


def test_no_label_of_a_fan_covers_another_or_leaves_the_chart() -> None:
    figure = drawn(fan_chart("main cross", "main BTCUSDT"))
    boxes = label_boxes(figure)
    assert {"worst: 5 February", "liquidation 1.10", "middle", "main BTCUSDT"} <= set(boxes)
    names = list(boxes)
    for number, one in enumerate(names):
        left, low, right, high = boxes[one]
        assert 0 <= left < right <= figure.bbox.width, one
        assert 0 <= low < high <= figure.bbox.height, one
        for other in names[number + 1 :]:
            assert not overlap(boxes[one], boxes[other]), (one, other)


@pytest.mark.parametrize(("hours", "unit", "last"), [(24, "hours", "24"), (168, "days", "7"), (720, "days", "28")])
def test_a_long_window_is_labelled_in_days(hours: int, unit: str, last: str) -> None:
    figure = drawn(fan_chart("main cross", hours=hours))
    (axes,) = figure.axes
    label_boxes(figure)
    assert axes.get_xlabel() == f"{unit} after the start of a window"
    shown = [tick.get_text() for tick in axes.get_xticklabels() if 0 <= tick.get_position()[0] <= hours]
    assert shown[-1] == last


def test_a_fan_has_an_opaque_background() -> None:
    assert drawn(fan_chart("main cross")).get_facecolor() == (1.0, 1.0, 1.0, 1.0)
