"""The child process that draws one chart: JSON on standard input, a PNG file out.

Run as `python -m monitor.view.charts.drawing_process PATH`.
"""

import json
import sys
from pathlib import Path

from monitor.view.charts.chart import DPI, draw_figure
from monitor.view.charts.fan import draw_fans
from monitor.view.charts.fonts import set_fonts
from monitor.view.charts.panels import draw_panels


def main() -> None:
    """Draw the chart that standard input describes."""
    spec = set_fonts(json.load(sys.stdin))
    draw = draw_fans if "fans" in spec else draw_panels if "panels" in spec else draw_figure
    figure = draw(spec)
    path = Path(sys.argv[1])
    # It shows what the account holds: a new file is for its owner alone.
    path.touch(mode=0o600)
    figure.savefig(path, format="png", dpi=DPI)


if __name__ == "__main__":
    main()
