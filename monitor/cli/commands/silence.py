"""`silence`: mute alerts for a while; critical ones only when included."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.app.database import open_commands, open_reader
from monitor.app.documents.alerts import SilencesQuery
from monitor.app.parameters import comment_parameter, count_parameter, duration_parameter
from monitor.app.silence_input import BUILT_IN_LABELS, check_matchers, parse_matchers
from monitor.cli import config_option, output
from monitor.cli.operator_name import operator_name
from monitor.cli.parser import add_json
from monitor.core.alerting.lifecycle import active_silence
from monitor.core.alerting.silence_matchers import matcher_text
from monitor.core.model.alert import Alert, AlertState, Silence, SilenceMatcher
from monitor.core.numbers.durations import parse_since
from monitor.errors import ExitCode, ParameterInvalid
from monitor.store.commands_in_force import read_silences
from monitor.store.readers.alerts import read_alerts
from monitor.store.writes.commands import add_silence, expire_silence
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.silences import silence_document
from monitor.view.documents.types.alerts import SilenceDocument
from monitor.view.formatting import format_age, format_time
from monitor.view.terminal.table import Cell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="add|list|expire")
    what = (
        "Alerts that match all MATCHERS send no messages until the silence ends; those that still fire are sent then."
    )
    add = parts.add_parser("add", help="start a silence now", description=what)
    add.add_argument(
        "matchers",
        nargs="+",
        metavar="MATCHERS",
        help=f"conditions on labels ({', '.join(BUILT_IN_LABELS)} and those of rules): "
        'rule=NAME, severity!=info, symbol=~"BTC.*"',
    )
    add.add_argument("--duration", required=True, help="how long: 30m, 2h, 1d12h")
    add.add_argument("--comment", required=True, help="the reason")
    add.add_argument("--author", metavar="NAME", help="who gives the command (default: your login name)")
    add.add_argument("--include-critical", action="store_true", help="mute critical alerts too")
    add_json(add)
    listed = parts.add_parser("list", help="list the active silences", description="List the active silences.")
    listed.add_argument("--all", action="store_true", help="include expired silences")
    add_json(listed, lists=True)
    expire = parts.add_parser("expire", help="end a silence now", description="End a silence now.")
    expire.add_argument("id", metavar="ID", help="number of the silence, as `silence list` shows it")
    add_json(expire)


def run(args: argparse.Namespace) -> int:
    match args.part:
        case "add":
            return _add(args)
        case "list":
            return _list(args)
        case _:
            return _expire(args)


def _add(args: argparse.Namespace) -> int:
    span = duration_parameter("duration", args.duration)
    if span <= timedelta():
        raise ParameterInvalid("duration", "it is no time at all", mend="write it like 30m or 2h")
    note = comment_parameter(args.comment)
    matchers = parse_matchers(args.matchers)
    config = config_option.read_config(args)
    check_matchers(matchers, config)
    author = args.author or operator_name(os.environ)
    with open_commands(config) as store:
        now = store.execute(command_clock, is_command=True).now()
        wanted = Silence(0, matchers, now, now + span, author, note, args.include_critical)
        silence = store.execute(add_silence, wanted)
        rows = store.execute(read_alerts)
    if args.json:
        output.print_json(silence_document(silence, now))
        return ExitCode.DONE
    output.print_line(f"silence {silence.id} holds until {format_time(silence.ends_at)}", "good")
    firing = [row.alert for row in rows if row.alert.state is AlertState.FIRING]
    for line in _effect_text(silence, firing, now):
        output.print_line(line)
    return ExitCode.DONE


def _list(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    with open_reader(config) as store:
        now = store.read(command_clock).now()
        document = SilencesQuery(args.all).read(store)
    if output.wants_json_list(args):
        output.print_list(args, document)
    elif document["items"]:
        headings = ("silence", "state", "matchers", "ends", "left", "author", "comment")
        output.print_table(headings, [_row(silence, now) for silence in document["items"]], right=(0, 4))
    else:
        output.print_line("there never was a silence" if args.all else "no silence holds")
    return ExitCode.DONE


def _expire(args: argparse.Namespace) -> int:
    number = count_parameter("id", args.id, where="ID")
    config = config_option.read_config(args)
    with open_commands(config) as store:
        now = store.execute(command_clock, is_command=True).now()
        store.execute(expire_silence, number, now)
        silences = store.execute(read_silences)
    if args.json:
        output.print_json(next(silence_document(silence, now) for silence in silences if silence.id == number))
        return ExitCode.DONE
    output.print_line(f"silence {number} is over; what it kept quiet and still fires is told now", "good")
    return ExitCode.DONE


def _effect_text(silence: Silence, firing: Sequence[Alert], now: datetime) -> list[str]:
    """The silence's effect on the alerts that fire now."""
    quiet = [alert for alert in firing if active_silence(alert, (silence,), now) is not None]
    lines = [
        f"of what fires now it keeps quiet: {_alert_numbers(quiet)}" if quiet else "it holds for nothing that fires now"
    ]
    everything = replace(silence, include_critical=True)
    spared = [alert for alert in firing if alert not in quiet and active_silence(alert, (everything,), now) is not None]
    if spared:
        lines.append(f"critical alerts are spared: {_alert_numbers(spared)}; --include-critical keeps them quiet, too")
    return lines


def _alert_numbers(alerts: Sequence[Alert]) -> str:
    return ", ".join(f"#{alert.id} ({alert.key.rule})" for alert in alerts)


def _row(silence: SilenceDocument, now: datetime) -> list[str | Cell]:
    state, ends_at = silence["state"], parse_since(silence["ends_at"], now)
    matchers = [SilenceMatcher(each["name"], each["op"], each["value"]) for each in silence["matchers"]]
    spares = "" if silence["include_critical"] else " (not critical)"
    return [
        str(silence["id"]),
        Cell(state, "good" if state == "active" else "dim"),
        " ".join(matcher_text(matcher) for matcher in matchers) + spares,
        Cell(format_time(ends_at), "dim"),
        format_age(ends_at - now) if state != "expired" else "",
        silence["author"],
        silence["comment"],
    ]
