"""`actions`: intents, the pause switch, and approvals. Works with and without a daemon."""

import argparse
import os
from datetime import datetime
from typing import Literal

from monitor.app.database import open_commands, open_reader
from monitor.app.documents.actions import ActionQuery, ActionsQuery
from monitor.app.parameters import comment_parameter, count_parameter
from monitor.cli import config_option, output
from monitor.cli.operator_name import operator_name
from monitor.cli.parser import add_json
from monitor.config.model import Config
from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.intent import IntentState
from monitor.errors import ExitCode, UsageError
from monitor.runtime import pause_file
from monitor.store.command_store import CommandStore
from monitor.store.writes import audit, commands
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.actions import pause_document
from monitor.view.documents.types.actions import ActionDocument, AuditDocument
from monitor.view.terminal.actions import actions_table, intent_history_lines
from monitor.view.terminal.status_notes import rule_stop_cells

_ID = "the intent's number, as `actions` shows it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="include settled intents")
    add_json(parser, lists=True)
    parts = parser.add_subparsers(dest="part", metavar="show|approve|reject|pause|resume|resolve|verify")
    show = parts.add_parser(
        "show", help="show the history of one intent", description="Show the history of one intent."
    )
    approve = parts.add_parser(
        "approve", help="approve a proposed intent", description="Approve a proposed intent; it is sent."
    )
    reject = parts.add_parser(
        "reject", help="reject a proposed intent", description="Reject a proposed intent; it is not sent."
    )
    pause = parts.add_parser("pause", help="send no orders until resumed", description="Send no orders until resumed.")
    resume = parts.add_parser(
        "resume",
        help="end the pause and all stops of rules",
        description="Send orders again: end the pause, and the stops of rules whose orders lowered a level.",
    )
    resolve = parts.add_parser(
        "resolve",
        help="record the outcome of an UNRESOLVED intent",
        description="Record the outcome of an UNRESOLVED intent, after checking the exchange's own history.",
    )
    verify = parts.add_parser(
        "verify",
        help="verify the audit trail",
        description="Find entries of the audit trail that were altered, removed or moved, and intents that it lacks.",
    )
    verify.add_argument("--head", metavar="SEQ:HASH", help="an earlier end of the trail, from the log line audit.head")
    for part in (show, approve, reject, resolve):
        part.add_argument("id", metavar="ID", help=_ID)
    resolve.add_argument("--as", dest="outcome", choices=("confirmed", "failed"), required=True, help="the outcome")
    resolve.add_argument("--comment", required=True, help="how you know the outcome")
    for part in (approve, reject, pause, resume, resolve):
        part.add_argument("--author", metavar="NAME", help="who gives the command (default: your login name)")
    for part in (show, approve, reject, pause, resume, resolve, verify):
        # A default here would overwrite a --json given before the subcommand.
        part.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    match args.part:
        case None:
            _list(config, args)
        case "show":
            _show(config, args)
        case "approve" | "reject":
            _decide(config, args, approved=args.part == "approve")
        case "verify":
            return _verify(config, args)
        case "pause" | "resume":
            _pause(config, args, paused=args.part == "pause")
        case _:
            _resolve(config, args)
    return ExitCode.DONE


def _list(config: Config, args: argparse.Namespace) -> None:
    with open_reader(config) as store:
        now = store.read(command_clock).now()
        document = ActionsQuery(args.all).read(store)
    if output.wants_json_list(args):
        output.print_list(args, document)
        return
    output.print_cells(rule_stop_cells(document["stops"]))
    if document["items"]:
        output.print_view_table(actions_table(document["items"], now))
    else:
        output.print_line("no action was ever decided on" if args.all else "no action is under way", "good")


def _show(config: Config, args: argparse.Namespace) -> None:
    number = _number(args)
    with open_reader(config) as store:
        now = store.read(command_clock).now()
        document = ActionQuery(number).read(store)
    if args.json:
        output.print_json(document)
    else:
        output.print_cells(intent_history_lines(document, now))


def _decide(config: Config, args: argparse.Namespace, *, approved: bool) -> None:
    number = _number(args)
    with open_commands(config) as store:
        store.execute(commands.decide_proposal, number, approved, _author(args), _now(store))
    if args.json:
        output.print_json(_read_action(config, number))
    elif approved:
        output.print_line(f"intent {number} is approved: it is checked once more, then sent", "good")
    else:
        output.print_line(f"intent {number} is rejected", "good")


def _pause(config: Config, args: argparse.Namespace, *, paused: bool) -> None:
    lifted: tuple[RuleStop, ...] = ()
    with open_commands(config) as store:
        if paused:
            changed = store.execute(commands.set_paused, paused, _author(args), _now(store))
        else:
            changed, lifted = store.execute(commands.resume_actions, _author(args), _now(store))
    if args.json:
        output.print_json(pause_document(paused, changed, None if paused else lifted))
        return
    for stop in lifted:
        output.print_line(f"the actions of {stop.rule} in {stop.account} go on (stopped since R-{stop.intent})", "good")
    state = "paused: decisions go on, nothing is sent" if paused else "resumed"
    output.print_line(f"actions {'are' if changed else 'were already'} {state}", "note" if paused else "good")
    if not paused and pause_file.exists(config.safety.pause_file):
        output.print_line(f"nothing is sent all the same while {config.safety.pause_file} exists", "note")


def _verify(config: Config, args: argparse.Namespace) -> int:
    known = None if args.head is None else _audit_head(args.head)
    with open_reader(config) as store:
        found = store.read(audit.verify_trail, known)
    if args.json:
        document: AuditDocument = {
            "ok": not found.problems,
            "rows": found.rows,
            "head": None if found.head is None else {"seq": found.head.seq, "hash": found.head.hash},
            "flaws": [{"seq": flaw.seq, "what": flaw.message} for flaw in found.problems],
            "uncovered": found.older_intents,
        }
        output.print_json(document)
    else:
        for flaw in found.problems:
            where = "" if flaw.seq is None else f"row {flaw.seq}: "
            output.print_line(f"{where}{flaw.message}", "bad")
        if found.older_intents:
            output.print_line(
                f"{found.older_intents} intents are older than the trail: it does not vouch for them", "note"
            )
        if not found.problems:
            output.print_line(f"the trail of {found.rows} rows is whole; it ends at {found.head}", "good")
    return ExitCode.NO if found.problems else ExitCode.DONE


def _audit_head(text: str) -> audit.AuditHead:
    seq, _, seal = text.partition(":")
    if not (seq.isdecimal() and len(seal) == 64):
        raise UsageError("--head is not SEQ:HASH", mend="take it from a log line audit.head, as seq:hash")
    return audit.AuditHead(int(seq), seal.lower())


def _resolve(config: Config, args: argparse.Namespace) -> None:
    number, said = _number(args), comment_parameter(args.comment)
    outcome: Literal[IntentState.CONFIRMED, IntentState.FAILED]
    outcome = IntentState.CONFIRMED if args.outcome == "confirmed" else IntentState.FAILED
    with open_commands(config) as store:
        channels = tuple(channel.name for channel in config.channels)
        store.execute(commands.resolve_intent, number, outcome, _author(args), said, _now(store), channels)
    if args.json:
        output.print_json(_read_action(config, number))
    else:
        output.print_line(f"intent {number} is {outcome}", "good")


def _read_action(config: Config, number: int) -> ActionDocument:
    with open_reader(config) as store:
        return ActionQuery(number).read(store)


def _now(store: CommandStore) -> datetime:
    return store.execute(command_clock, is_command=True).now()


def _number(args: argparse.Namespace) -> int:
    return count_parameter("id", args.id, where="ID")


def _author(args: argparse.Namespace) -> str:
    return args.author or operator_name(os.environ)
