"""Recorded samples as a table."""

from collections.abc import Iterable

from monitor.core.metrics.value_text import value_text
from monitor.core.model.metric import Missing
from monitor.records.history import HistoryRow
from monitor.view.formatting import UNKNOWN, format_time
from monitor.view.terminal.table import Cell, Table


def history_table(series: Iterable[HistoryRow]) -> Table:
    """One row a sample, oldest first."""
    rows = []
    for one in series:
        for point in one.points:
            value = point.value if point.value is not None else Missing.UNAVAILABLE
            text = value_text(one.metric, value) if point.value is not None else point.missing or UNKNOWN
            label = f"{one.account} {one.subject or one.scope}"
            rows.append([Cell(format_time(point.at), "dim"), Cell(label), Cell(text)])
    return Table(("time", "about", "value"), rows, frozenset({2}))
