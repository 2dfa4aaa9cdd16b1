"""`interest`: interest paid, current rates, and projected cost."""

import argparse

from monitor.app.database import open_reader
from monitor.app.documents.interest import InterestQuery
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.errors import ExitCode
from monitor.view.terminal.interest import interest_lines, interest_table, rates_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", choices=("day", "asset"), default="asset", help="one row for each day and asset, or for each asset"
    )
    parser.add_argument("--since", metavar="WHEN", help="charged since: 7d, 2025-10-01 … (default 30d)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    query = InterestQuery(args.by, args.since)
    with open_reader(config) as store:
        document = query.read(store)
    if args.json:
        output.print_json(document)
        return ExitCode.DONE
    for table in (interest_table(document), rates_table(document)):
        output.print_view_table(table)
        if table.rows:
            output.print_line()
    output.print_cells(interest_lines(document))
    return ExitCode.DONE
