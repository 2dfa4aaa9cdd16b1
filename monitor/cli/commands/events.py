"""`events`: recorded stream events in the exchange's own text, and by type entries of its histories."""

import argparse

from monitor.app.database import open_reader
from monitor.cli import config_option, output
from monitor.cli.option_types import check_time_option, count_option, time_option
from monitor.cli.parser import add_json
from monitor.errors import ExitCode
from monitor.store.readers.events import read_events, read_movements
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.events import event_document
from monitor.view.terminal.events import events_table

DEFAULT_LIMIT = 100
MOVEMENT_TYPES = ("capital-flow", "transfer", "liquidation", "order")
"""Types that no stream delivers and reads of the exchange's histories do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--type",
        metavar="T",
        help=f'the exchange\'s own event type, or "rejected"; or entries of its histories: {", ".join(MOVEMENT_TYPES)}',
    )
    parser.add_argument("--since", metavar="WHEN", help="received since: 2h, 2025-10-10 or 2025-10-10T21:15:00Z")
    parser.add_argument("--limit", metavar="N", help=f"the newest N (default {DEFAULT_LIMIT}, with --since all)")
    add_json(parser, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    check_time_option("--since", args.since)
    with open_reader(config) as store:
        since = time_option("--since", args.since, store.read(command_clock).now()) if args.since else None
        limit = count_option("--limit", args.limit) if args.limit else None if since is not None else DEFAULT_LIMIT
        if args.type in MOVEMENT_TYPES:
            rows = store.read(read_movements, kind=args.type, since=since, limit=limit)
        else:
            rows = store.read(read_events, type=args.type, since=since, limit=limit)
    items = [event_document(row) for row in rows]
    if output.wants_json_list(args):
        output.print_documents(args, items)
    elif items:
        output.print_view_table(events_table(items))
    else:
        output.print_line("no such event has been recorded")
    return ExitCode.DONE
