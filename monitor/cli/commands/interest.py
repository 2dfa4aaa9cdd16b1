"""`interest`: interest paid, current rates, and projected cost."""

import argparse
import json
from datetime import timedelta

from monitor.app.database import open_reader
from monitor.cli import config_option, output
from monitor.cli.option_types import check_time_option, time_option
from monitor.cli.parser import add_json
from monitor.errors import ExitCode
from monitor.store.readers.interest import read_interest, read_recorded_spans
from monitor.store.readers.status import read_live_documents
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.interest import interest_document
from monitor.view.terminal.interest import interest_lines, interest_table, rates_table

DEFAULT_INTEREST_SPAN = timedelta(days=30)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", choices=("day", "asset"), default="asset", help="one row for each day and asset, or for each asset"
    )
    parser.add_argument("--since", metavar="WHEN", help="charged since: 7d, 2025-10-01 … (default 30d)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    check_time_option("--since", args.since)
    with open_reader(config) as store:
        now = store.read(command_clock).now()
        since = time_option("--since", args.since, now) if args.since else now - DEFAULT_INTEREST_SPAN
        totals = store.read(read_interest, by=args.by, since=since)
        live = store.read(read_live_documents)
        spans = store.read(read_recorded_spans)
    document = interest_document(totals, [json.loads(row.document) for row in live], since, now, args.by, spans)
    if args.json:
        output.print_json(document)
        return ExitCode.DONE
    for table in (interest_table(document), rates_table(document)):
        output.print_view_table(table)
        if table.rows:
            output.print_line()
    output.print_cells(interest_lines(document))
    return ExitCode.DONE
