"""Prints the tables and lines of the view, and lists in the two JSON forms."""

import argparse
from collections.abc import Iterable, Sequence

from monitor.cli import output
from monitor.view.json_values import Document
from monitor.view.terminal.table import Cell, Table


def print_table(table: Table) -> None:
    """The table; nothing at all when it has no rows."""
    if table.rows:
        rows = [[output.Cell(cell.text, cell.tone) for cell in row] for row in table.rows]
        output.print_table(table.headings, rows, right=table.right)


def print_lines(lines: Iterable[Cell]) -> None:
    for line in lines:
        output.print_line(line.text, line.tone)


def wants_documents(args: argparse.Namespace) -> bool:
    return bool(args.json or args.jsonl)


def print_list(args: argparse.Namespace, items: Sequence[Document], beside: Document | None = None) -> None:
    """The items as one document, with what is said `beside` them, or as one line each."""
    if args.jsonl:
        output.print_jsonl(items)
    else:
        output.print_json({"items": items} | (beside or {}))
