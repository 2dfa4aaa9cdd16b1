"""`ack`: acknowledge an alert: no reminders, no escalation. Works with and without a daemon."""

import argparse
import os

from monitor.app.database import open_commands
from monitor.app.parameters import comment_parameter, count_parameter
from monitor.cli import config_option, output
from monitor.cli.operator_name import operator_name
from monitor.cli.parser import add_json
from monitor.core.alerting.lifecycle import with_ack
from monitor.core.model.alert import Ack
from monitor.errors import ExitCode
from monitor.store.readers.alerts import read_alert
from monitor.store.writes.commands import acknowledge
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.alerts import alert_document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the alert's number, as messages and `alerts` show it: 17 or #17")
    parser.add_argument("--comment", required=True, help="what you are doing about it")
    parser.add_argument("--author", metavar="NAME", help="who acknowledges it (default: your login name)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    number = count_parameter("id", args.id.removeprefix("#"), where="ID")
    note = comment_parameter(args.comment)
    author = args.author or operator_name(os.environ)
    config = config_option.read_config(args)
    with open_commands(config) as store:
        taken = Ack(number, author, store.execute(command_clock, is_command=True).now(), note)
        store.execute(acknowledge, taken.alert, taken.by, taken.comment, taken.at)
        row = store.execute(read_alert, number)
    assert row is not None
    alert = with_ack(row.alert, {number: taken})
    if args.json:
        output.print_json(alert_document(alert, row.deliveries))
    else:
        output.print_line(f"#{number} ({alert.key.rule}) is taken by {author}: no reminders, no escalation", "good")
    return ExitCode.DONE
