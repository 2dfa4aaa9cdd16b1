"""Recorded samples as a table."""

from collections.abc import Iterable

from monitor.core.metrics.value_text import value_text
from monitor.core.model.metric import MissingValue
from monitor.records.history import HistoryRow
from monitor.view.formatting import UNKNOWN, format_time
from monitor.view.terminal.table import Cell, Table


def history_table(series: Iterable[HistoryRow]) -> Table:
    """One row for each sample, oldest first."""
    rows = []
    for recorded in series:
        for point in recorded.points:
            value = point.value if point.value is not None else MissingValue.UNAVAILABLE
            text = value_text(recorded.metric, value) if point.value is not None else point.missing or UNKNOWN
            label = f"{recorded.account} {recorded.subject or recorded.scope}"
            rows.append([Cell(format_time(point.at), "dim"), Cell(label), Cell(text)])
    return Table(("time", "about", "value"), rows, frozenset({2}))
