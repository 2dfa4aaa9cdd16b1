"""`events`: recorded stream events in the exchange's own text, and by type entries of its histories."""

import argparse

from monitor.app.database import open_reader
from monitor.app.documents.events import DEFAULT_EVENT_LIMIT, MOVEMENT_TYPES, EventsQuery
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.errors import ExitCode
from monitor.view.terminal.events import events_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--type",
        metavar="T",
        help=f'the exchange\'s own event type, or "rejected"; or entries of its histories: {", ".join(MOVEMENT_TYPES)}',
    )
    parser.add_argument("--since", metavar="WHEN", help="received since: 2h, 2025-10-10 or 2025-10-10T21:15:00Z")
    parser.add_argument("--limit", metavar="N", help=f"the newest N (default {DEFAULT_EVENT_LIMIT}, with --since all)")
    add_json(parser, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    query = EventsQuery(args.type, args.since, args.limit)
    with open_reader(config) as store:
        document = query.read(store)
    if output.wants_json_list(args):
        output.print_list(args, document)
    elif document["items"]:
        output.print_view_table(events_table(document["items"]))
    else:
        output.print_line("no such event has been recorded")
    return ExitCode.DONE
