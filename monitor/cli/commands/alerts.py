"""`alerts`: open alerts, and with `--all` earlier ones."""

import argparse

from monitor.app.database import open_reader
from monitor.app.documents.alerts import AlertsQuery
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.errors import ExitCode
from monitor.store.writes.daemon_row import command_clock
from monitor.view.terminal.alerts import alerts_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="include resolved alerts")
    add_json(parser, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    with open_reader(config) as store:
        now = store.read(command_clock).now()
        document = AlertsQuery(args.all).read(store)
    if output.wants_json_list(args):
        output.print_list(args, document)
    elif document["items"]:
        output.print_view_table(alerts_table(document["items"], now))
    else:
        output.print_line("no alert has fired yet" if args.all else "no alert is pending or firing", "good")
    return ExitCode.DONE
