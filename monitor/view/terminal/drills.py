"""The messages of a drill as a table."""

from collections.abc import Mapping

from monitor.view.json_values import Document
from monitor.view.terminal.table import Cell, Table, Tone


def drill_table(document: Document) -> Table:
    """One row for each message."""
    rows = [
        (
            Cell(item["channel"]),
            Cell(f"{item['rule']} {item['stage']}"),
            Cell(item["severity"]),
            Cell(*_RESULT_CELLS[item["state"]]),
            Cell(item["answer"] or "", "dim"),
        )
        for item in document["items"]
    ]
    return Table(("channel", "what", "severity", "result", "answer"), rows)


_RESULT_CELLS: Mapping[str, tuple[str, Tone]] = {
    "sent": ("told", "good"),
    "failed": ("not told", "bad"),
    "expired": ("left out", "dim"),
    "queued": ("waits", "note"),
}
