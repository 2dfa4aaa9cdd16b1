"""Pictures: a real child draws them, names do not collide, and a failure is told."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from monitor.view.charts.chart import draw_figure
from monitor.view.charts.chart_spec import (
    ChartFailed,
    ChartLine,
    ChartPanels,
    ChartSpec,
    Marker,
    ThresholdLine,
    chart_document,
    draw_chart,
)
from monitor.view.charts.panels import draw_panels
from tests.support.examples.documents import NOW
from tests.view.charts.label_boxes import Box, label_boxes, overlap

BARS = [
    ThresholdLine("initial 1.50", Decimal("1.5"), "initial"),
    ThresholdLine("margin call 1.30", Decimal("1.3"), "margin_call"),
    ThresholdLine("liquidation 1.27", Decimal("1.27"), "liquidation"),
]


def _line(label: str, *values: str | None) -> ChartLine:
    return ChartLine(
        label,
        [(NOW + timedelta(minutes=n), None if value is None else Decimal(value)) for n, value in enumerate(values)],
    )


CRASH = ChartSpec(
    "Margin level through a crash",
    [_line("guarded", "1.6", "1.5", "1.4", "1.45", "1.5"), _line("unguarded", "1.6", "1.45", "1.26", None, None)],
    "the same crash twice",
    BARS,
    [
        Marker(NOW + timedelta(seconds=60), "alert", "#1 below-initial"),
        Marker(NOW + timedelta(seconds=65), "action", "repaid 4,000 USDT"),
        Marker(NOW + timedelta(seconds=70), "liquidation", "liquidated"),
    ],
    [_line("BTC", "120000", "110000", "100000", "101000", "102000")],
)


async def test_chart_process_writes_a_png(tmp_path: Path) -> None:
    path = tmp_path / "crash.png"
    await draw_chart(CRASH, path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert path.stat().st_size > 10_000
    assert path.stat().st_mode & 0o777 == 0o600


async def test_missing_folder_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ChartFailed, match="FileNotFoundError"):
        await draw_chart(CRASH, tmp_path / "nowhere" / "crash.png")


async def test_slow_chart_process_times_out(tmp_path: Path) -> None:
    with pytest.raises(ChartFailed, match="not ready within"):
        await draw_chart(CRASH, tmp_path / "crash.png", timeout_s=0.01)


def test_no_label_covers_another() -> None:
    boxes = _boxes(CRASH)
    assert {"#1 below-initial", "repaid 4,000 USDT", "liquidated", "margin call 1.30", "liquidation 1.27"} <= set(boxes)
    names = list(boxes)
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            assert not overlap(boxes[one], boxes[other]), (one, other)


def test_every_label_is_inside_the_chart() -> None:
    for name, (left, low, right, high) in _boxes(CRASH).items():
        assert left >= 0, name
        assert low >= 0, name
        assert right <= 8.0 * 160, name
        assert high <= 5.0 * 160, name


def test_long_numbers_are_inside_the_chart() -> None:
    figure = draw_figure(
        chart_document(ChartSpec("hourly rate", [_line("USDT", "0.000008333", "0.000008334")], value_format="percent"))
    )
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]  # untyped library
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]  # untyped library
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    shown = [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]
    assert len(max((label.get_text() for label in shown), key=len)) > len("0.000833 %")
    assert all(label.get_window_extent(renderer).x0 >= 0 for label in shown)


def test_high_level_does_not_flatten_the_line() -> None:
    picture = ChartSpec("a jump", [_line("level", "40", "42", "1.9", "1.8")], thresholds=BARS)
    (axes,) = draw_figure(chart_document(picture)).axes
    _, high = axes.get_ylim()
    assert 1.9 < high < 4


@pytest.mark.parametrize("lines", [[], [_line("nothing", None, None)], [_line("one", "1.5")]])
def test_sparse_series_are_drawn(lines: Sequence[ChartLine]) -> None:
    assert draw_figure(chart_document(ChartSpec("little", lines))).axes


def _boxes(picture: ChartSpec) -> dict[str, Box]:
    return label_boxes(draw_figure(chart_document(picture)))


def test_panels_share_their_time_and_overlap_nowhere() -> None:
    quiet = ChartSpec("main BTCUSDT", [_line("level", "2", "2.1", "2.2")], thresholds=BARS)
    figure = draw_panels(chart_document(ChartPanels("margin level", [CRASH, quiet, quiet], "of three")))
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(above.y0 > below.y1 for above, below in pairwise(boxes))
    assert 0 < boxes[-1].y0 < boxes[0].y1 < 1
    assert {"main BTCUSDT", "Margin level through a crash"} <= {text.get_text() for text in figure.texts}


@pytest.mark.slow
async def test_chart_process_writes_panels(tmp_path: Path) -> None:
    path = tmp_path / "panels.png"
    await draw_chart(ChartPanels("margin level", [CRASH, CRASH]), path)
    assert path.read_bytes().startswith(b"\x89PNG")
