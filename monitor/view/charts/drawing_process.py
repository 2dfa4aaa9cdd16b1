"""The child that draws one picture: JSON on standard input, the PNG's path as its argument.

Run as `python -m monitor.view.charts.drawing_process PATH`.
"""

import json
import sys
from pathlib import Path

from monitor.view.charts.chart import DPI, drawn
from monitor.view.charts.fonts import with_known_characters
from monitor.view.charts.panels import drawn_in_panels


def main() -> None:
    """Draw what standard input describes."""
    spec = with_known_characters(json.load(sys.stdin))
    figure = drawn_in_panels(spec) if "panels" in spec else drawn(spec)
    figure.savefig(Path(sys.argv[1]), format="png", dpi=DPI)


if __name__ == "__main__":
    main()
