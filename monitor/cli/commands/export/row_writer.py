"""Rows as CSV (RFC 4180) or JSON lines, one at a time."""

import contextlib
import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from monitor.errors import MonitorError
from monitor.view.json_values import encode_line

Row = Mapping[str, Any]
Redact = Callable[[str], str]


def write_rows(target: TextIO, form: str, columns: Sequence[str], rows: Iterable[Row], redact: Redact) -> int:
    """Write the rows in one of `FORMATS` and return their number; `redact` removes known secrets from each text."""
    return FORMATS[form](target, columns, rows, redact)


@contextlib.contextmanager
def open_new_file(path: Path) -> Iterator[TextIO]:
    """A new file that only its owner can read. It is removed when writing it fails; an existing one is left alone."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise MonitorError("this file exists", where=str(path), mend="name another one, or remove it") from error
    except OSError as error:
        raise MonitorError(f"can't be written: {error.strerror}", where=str(path), mend="check the folder") from error
    try:
        # Lines end as the format says, whatever the system does.
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write_csv(target: TextIO, columns: Sequence[str], rows: Iterable[Row], redact: Redact) -> int:
    writer = csv.writer(target)
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(row[column], redact) for column in columns])
        count += 1
    return count


def _write_jsonl(target: TextIO, columns: Sequence[str], rows: Iterable[Row], redact: Redact) -> int:
    count = 0
    for row in rows:
        target.write(encode_line(row, redact))
        count += 1
    return count


def _cell(value: object, redact: Redact) -> str:
    """The value as text: nothing for a missing one, tables as JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Mapping():
            return encode_line(value, redact).rstrip("\n")
        case _:
            return redact(str(value))


FORMATS: Mapping[str, Callable[[TextIO, Sequence[str], Iterable[Row], Redact], int]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
"""Writers by the name of their format."""
