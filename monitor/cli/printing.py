"""Printing of view tables, cells, and lists of documents."""

import argparse
from collections.abc import Iterable, Sequence

from monitor.cli import output
from monitor.view.json_values import Document
from monitor.view.terminal.table import Cell, Table


def print_view_table(table: Table) -> None:
    """The table; nothing at all when it has no rows."""
    if table.rows:
        rows = [[output.StyledCell(cell.text, cell.tone) for cell in row] for row in table.rows]
        output.print_table(table.headings, rows, right=table.right)


def print_cells(lines: Iterable[Cell]) -> None:
    for line in lines:
        output.print_line(line.text, line.tone)


def wants_json_list(args: argparse.Namespace) -> bool:
    return bool(args.json or args.jsonl)


def print_documents(args: argparse.Namespace, items: Sequence[Document], extra_fields: Document | None = None) -> None:
    """The items as one document with `extra_fields`, or as one line each."""
    if args.jsonl:
        output.print_jsonl(items)
    else:
        output.print_json({"items": items} | (extra_fields or {}))
