"""Stream events as a table."""

from collections.abc import Iterable

from monitor.view.formatting import format_timestamp
from monitor.view.json_values import Document
from monitor.view.terminal.table import Cell, Table


def events_table(events: Iterable[Document]) -> Table:
    """One row for each event, its payload shortened to fit."""
    rows = [
        [
            Cell(format_timestamp(event["received_at"]), "dim"),
            Cell(event["account"]),
            Cell(event["symbol"] or event["scope"]),
            Cell(event["type"], "bad" if event["rejected"] else ""),
            Cell(_shorten(event["rejected"] or ", ".join(f"{k}={v}" for k, v in event["payload"].items()), 90)),
        ]
        for event in events
    ]
    return Table(("received", "account", "scope", "type", "content"), rows)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
