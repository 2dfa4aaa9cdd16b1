"""`report`: a time span, the present state and the gaps in both. Works with and without a daemon."""

import argparse
import sys
from datetime import datetime, timedelta

from monitor import __version__
from monitor.app.database import open_reader
from monitor.app.parameters import time_parameter
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.clock import SystemClock
from monitor.config.redaction import KNOWN_SECRETS
from monitor.errors import ExitCode, UsageError
from monitor.runtime import pause_file
from monitor.store.readers.report import read_report_rows
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.report import report_document
from monitor.view.report.html_page import report_page
from monitor.view.report.text import report_headline, report_period, report_sections
from monitor.view.terminal.table import Cell

DEFAULT_REPORT_SPAN = timedelta(hours=24)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="WHEN", help="start of the report: 7d, 2025-10-01 … (default 24h)")
    parser.add_argument(
        "--format", choices=("text", "html", "json"), help="plain text, a page for a browser, or JSON (default text)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    form = args.format or ("json" if args.json else "text")
    if args.json and form != "json":
        raise UsageError(f"--json and --format {form} exclude each other", mend="keep one of them")
    config = config_option.read_config(args)
    # A wrong option is reported with and without a database.
    _parse_since(args.since, SystemClock().now())
    with open_reader(config) as store:
        now = store.read(command_clock).now()
        since = _parse_since(args.since, now)
        rows = store.read(read_report_rows, since, now)
    names = [account.name for account in config.accounts]
    paused = pause_file.exists(config.safety.pause_file)
    document = report_document(rows, names, since, now, __version__, pause_file=paused)
    match form:
        case "json":
            output.print_json(document)
        case "html":
            sys.stdout.write(KNOWN_SECRETS.redact(report_page(document)))
        case _:
            output.print_cells(
                [Cell(report_headline(document), "strong"), Cell(f"{report_period(document)}; times are UTC", "dim")]
            )
            for section in report_sections(document):
                output.print_cells([Cell(""), Cell(section.title.upper(), "strong"), *section.lines])
    return ExitCode.DONE


def _parse_since(text: str | None, now: datetime) -> datetime:
    since = time_parameter("since", text, now) if text else now - DEFAULT_REPORT_SPAN
    if since >= now:
        raise UsageError(f"--since: {text} is not in the past", mend="name an earlier moment")
    return since
