"""The sparkline of a level in a report: SVG in the page's colours."""

from decimal import Decimal

from monitor.view.json_values import Document

SPARKLINE_WIDTH, SPARKLINE_HEIGHT = 480, 72

_MARGIN = Decimal(6)
_MAX_LEVEL = Decimal(3)
"""A level is drawn up to three times its highest threshold: higher values would flatten the rest."""

_THRESHOLDS = ("initial_level", "margin_call_level", "liquidation_level")


def level_sparkline(entry: Document, name: str) -> str:
    """The line of one scope with its thresholds; empty with fewer than two points. Gaps stay open."""
    points = [(index, None if value is None else Decimal(value)) for index, (_, value) in enumerate(entry["line"])]
    known = [value for _, value in points if value is not None]
    if len(known) < 2:
        return ""
    bars = {bar: Decimal(entry[bar]) for bar in _THRESHOLDS if entry[bar] is not None}
    top = max(bars.values(), default=max(known)) * _MAX_LEVEL
    known = [min(value, top) for value in known]
    low, high = min([*known, *bars.values()]), max([*known, *bars.values()])
    width = Decimal(SPARKLINE_WIDTH) / max(1, len(points) - 1)

    def y(value: Decimal) -> str:
        part = (min(value, top) - low) / (high - low) if high > low else Decimal("0.5")
        return f"{SPARKLINE_HEIGHT - _MARGIN - part * (SPARKLINE_HEIGHT - 2 * _MARGIN):.1f}"

    drawn = [
        f'<line class="{bar.removesuffix("_level")}" x1="0" x2="{SPARKLINE_WIDTH}" y1="{y(height)}" y2="{y(height)}"/>'
        for bar, height in bars.items()
    ]
    runs: list[list[str]] = [[]]
    for index, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{width * index:.1f},{y(value)}")
    for run in runs:
        if len(run) == 1:
            x, _, height = run[0].partition(",")
            drawn.append(f'<circle class="level" cx="{x}" cy="{height}" r="1.5"/>')
        elif run:
            drawn.append(f'<polyline class="level" points="{" ".join(run)}"/>')
    return (
        f'<svg viewBox="0 0 {SPARKLINE_WIDTH} {SPARKLINE_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{name}">{"".join(drawn)}</svg>'
    )
