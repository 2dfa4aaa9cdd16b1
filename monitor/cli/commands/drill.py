"""`drill`: a rule's messages over the real channels, marked DRILL; the running daemon sends them, no action acts."""

import argparse
import os
import time

from monitor.app.database import open_commands
from monitor.cli import config_option, output
from monitor.cli.operator_name import operator_name
from monitor.cli.parser import add_json
from monitor.core.alerting.drill import Drill
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.errors import CommandRefused, ExitCode, UsageError, suggest_nearest
from monitor.store.command_store import CommandStore
from monitor.store.writes.commands import read_drill, request_drill
from monitor.store.writes.daemon_row import command_clock, read_daemon
from monitor.store.writes.outbox import read_drill_deliveries as read_messages
from monitor.view.documents.drills import drill_document
from monitor.view.terminal.drills import drill_table

START_TIMEOUT_S = 10.0
"""A daemon reads commands several times a second."""

END_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Let a rule fire as an exercise: the running daemon tells all rungs of its ladder up to it, its escalation and "
        "its end over the real channels, marked DRILL. It is no alert, and no action sees it."
    )
    parser.add_argument("rule", metavar="RULE", help="name of the rule, as `rules list` shows it")
    parser.add_argument("--author", metavar="NAME", help="who gives the command (default: your login name)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit 0 when every message was accepted."""
    config = config_option.read_config(args)
    names = [rule.name for rule in config.rules]
    if args.rule not in names:
        raise UsageError(f'there is no rule "{args.rule}"', mend=suggest_nearest(args.rule, names))
    with open_commands(config) as store:
        daemon = store.execute(read_daemon)
        if daemon is None or not daemon.running:
            raise CommandRefused("no daemon runs that could carry it out", mend="start `margin-monitor run`")
        now = store.execute(command_clock, is_command=True).now()
        number = store.execute(request_drill, args.rule, args.author or operator_name(os.environ), now)
        drill, messages = _wait(store, number)
    document = drill_document(drill, messages)
    if args.json:
        output.print_json(document)
    else:
        output.print_view_table(drill_table(document))
        told = sum(message.state is DeliveryState.SENT for message in messages)
        line = f"drill {drill.id} of {drill.rule}: {drill.outcome}; {told} messages taken; no action was made"
        output.print_line(line, "good" if document["ok"] else "bad")
    return ExitCode.DONE if document["ok"] else ExitCode.NO


def _wait(store: CommandStore, number: int) -> tuple[Drill, tuple[Delivery, ...]]:
    """The finished drill, and the deliveries of its messages. Raises OrderRefused when that takes too long."""
    started = time.monotonic()
    while True:
        drill, messages = store.execute(read_drill, number), store.execute(read_messages, number)
        assert drill is not None
        if drill.done_at is not None:
            return drill, messages
        waited_s = time.monotonic() - started
        if waited_s > (END_TIMEOUT_S if messages else START_TIMEOUT_S):
            raise CommandRefused("the daemon did not carry it out in time", mend="look into its log")
        time.sleep(POLL_INTERVAL_S)
