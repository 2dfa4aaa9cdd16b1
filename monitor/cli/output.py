"""Output of commands: tables, JSON, error lines; known secrets are redacted."""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.config.redaction import KNOWN_SECRETS
from monitor.errors import MonitorError
from monitor.view.terminal.table import Cell, Table, Tone

if TYPE_CHECKING:
    import argparse

    from monitor.view.json_values import Document

_RICH_STYLES: Mapping[Tone, str] = {
    "good": "green",
    "note": "yellow",
    "bad": "bold red",
    "dim": "dim",
    "strong": "bold",
}


def print_json(document: object) -> None:
    """One JSON document, indented."""
    # Imported when it is needed: help and tables do without the catalogue of metrics.
    from monitor.view.json_values import encode_document

    _write(encode_document(document, KNOWN_SECRETS.redact))


def print_jsonl(items: Iterable[object]) -> None:
    """One JSON object a line."""
    from monitor.view.json_values import encode_line

    for item in items:
        _write(encode_line(item, KNOWN_SECRETS.redact))


def wants_json_list(args: "argparse.Namespace") -> bool:
    """Return whether a list is requested in one of the two JSON forms."""
    return bool(args.json or args.jsonl)


def print_list(args: "argparse.Namespace", document: "Document") -> None:
    """The document, or its items as one line each."""
    if args.jsonl:
        print_jsonl(document["items"])
    else:
        print_json(document)


def print_line(text: str = "", tone: Tone = "") -> None:
    """One line for people, coloured only on a terminal."""
    if tone and has_colour():
        from rich.console import Console
        from rich.text import Text

        Console(highlight=False, soft_wrap=True).print(Text(KNOWN_SECRETS.redact(text), style=_RICH_STYLES[tone]))
    else:
        _write(KNOWN_SECRETS.redact(text) + "\n")


def print_cells(lines: Iterable[Cell]) -> None:
    """One line for people for each cell."""
    for line in lines:
        print_line(line.text, line.tone)


def print_view_table(table: Table) -> None:
    """The table; nothing at all when it has no rows."""
    if table.rows:
        print_table(table.headings, table.rows, right=table.right)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str | Cell]], *, right: Iterable[int] = ()) -> None:
    """A table for people; columns in `right` are aligned right. Plain columns when stdout is no terminal."""
    cells = [[_redact_cell(cell if isinstance(cell, Cell) else Cell(cell)) for cell in row] for row in rows]
    aligned_right = frozenset(right)
    if has_colour():
        _print_rich_table(headings, cells, aligned_right)
        return
    lines = [[Cell(heading) for heading in headings], *cells]
    widths = [max(_display_width(line[column].text) for line in lines) for column in range(len(headings))]
    for line in lines:
        padded = [
            _pad(cell.text, width, right=column in aligned_right)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        _write("  ".join(padded).rstrip() + "\n")


def print_note(text: str) -> None:
    """One line on stderr that is no result: progress, files written."""
    print(KNOWN_SECRETS.redact(text), file=sys.stderr)


def print_error(error: MonitorError, *, as_json: bool) -> int:
    """One line on stderr for each error, with `as_json` the error document on stdout; returns the exit code."""
    others: tuple[MonitorError, ...] = getattr(error, "others", ())
    with contextlib.suppress(OSError):
        for failure in (error, *others):
            print(f"{_program_prefix()}{KNOWN_SECRETS.redact(str(failure))}", file=sys.stderr)
    if as_json:
        from monitor.view.documents.errors import error_document

        try:
            print_json(error_document(error))
            sys.stdout.flush()
        except (OSError, MonitorError):
            drop_stdout()
    return int(error.exit_code)


def print_os_error(error: OSError, *, as_json: bool) -> int:
    """One line for a refusal of the system: a file, or the target of stdout."""
    why = error.strerror or str(error)
    if error.filename is not None:
        return print_error(
            MonitorError(why, where=str(error.filename), mend="mend the file or its disk"), as_json=as_json
        )
    drop_stdout()
    mend = "free some space, or let it go elsewhere"
    return print_error(MonitorError(f"can't be written: {why}", where="stdout", mend=mend), as_json=False)


def print_bug(error: Exception, *, as_json: bool) -> int:
    """One line for an unexpected error, with the place in our code; returns the exit code."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}monitor{os.sep}" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    what = f"this is a bug: {type(error).__name__}: {error}"
    return print_error(MonitorError(what, where=place, mend="please report this line"), as_json=as_json)


def has_colour() -> bool:
    """Return whether stdout is a terminal with colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def prepare_streams() -> None:
    """Print characters that the terminal's encoding lacks escaped instead of raising.

    Closed standard streams are opened on the null device, so that no later file takes their number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = _ClosedStdout()
    if sys.stderr is None:
        sys.stderr = io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_stdout() -> None:
    """Stop writing after the reader of a pipe has gone, so that nothing fails at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = io.StringIO()


class _ClosedStdout(io.StringIO):
    """The replacement of a closed stdout: any output to it is an error."""

    def write(self, text: str) -> int:
        raise MonitorError("it is closed", where="stdout", mend="let it go somewhere, if only to /dev/null")


def _print_rich_table(headings: Sequence[str], rows: Sequence[Sequence[Cell]], right: frozenset[int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, heading in enumerate(headings):
        table.add_column(heading, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell.text, style=_RICH_STYLES.get(cell.tone, "")) for cell in row))
    Console(highlight=False).print(table)


def _display_width(text: str) -> int:
    """The columns of `text` on a terminal: two for each wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pad(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - _display_width(text))
    return blanks + text if right else text + blanks


def _redact_cell(cell: Cell) -> Cell:
    return Cell(KNOWN_SECRETS.redact(cell.text), cell.tone)


def _program_prefix() -> str:
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return ""
    return "\x1b[1;31merror:\x1b[0m "


def _write(text: str) -> None:
    sys.stdout.write(text)
