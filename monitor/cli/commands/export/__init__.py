"""`export`: whole histories as CSV or JSON lines, for spreadsheets and tax tools."""

import argparse
import sys
from pathlib import Path

from monitor.app.database import open_reader
from monitor.app.documents.exports import EXPORTS, ExportQuery
from monitor.cli import config_option, output
from monitor.cli.commands.export.row_writer import FORMATS, open_new_file, write_rows
from monitor.config.redaction import KNOWN_SECRETS
from monitor.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("history", choices=tuple(EXPORTS), help="the history to write")
    parser.add_argument(
        "--since", metavar="WHEN", help="from then on: 90d, 2025-01-01 … (default: all that is recorded)"
    )
    parser.add_argument("--until", metavar="WHEN", help="before then, in the same notation (default: now)")
    parser.add_argument("--format", choices=tuple(FORMATS), default="csv", help="(default %(default)s)")
    parser.add_argument("--output", metavar="FILE", help="a new file for it (default: stdout)")


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    query = ExportQuery(args.history, args.since, args.until)
    with open_reader(config) as store:
        rows = query.stream(store)
        if args.output is None:
            write_rows(sys.stdout, args.format, query.columns, rows, KNOWN_SECRETS.redact)
            return ExitCode.DONE
        path = Path(args.output).expanduser()
        with open_new_file(path) as file:
            count = write_rows(file, args.format, query.columns, rows, KNOWN_SECRETS.redact)
    output.print_note(f"wrote {count} rows to {path}")
    return ExitCode.DONE
