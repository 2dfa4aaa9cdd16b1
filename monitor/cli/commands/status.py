"""`status`: how far each account is from liquidation, and how old that knowledge is."""

import argparse
import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor import __version__
from monitor.app.database import open_reader
from monitor.app.exchange import open_account
from monitor.cli import config_option, output
from monitor.cli.live_view import watch
from monitor.cli.option_types import duration
from monitor.cli.parser import add_json
from monitor.cli.printing import print_lines, print_table
from monitor.clock import Clock
from monitor.config import policies
from monitor.config.model import Config
from monitor.core.margin.stress_scenarios import CRASHES, WORST_NIGHT
from monitor.core.numbers.durations import to_seconds
from monitor.errors import Exit, MonitorError, UsageError
from monitor.runtime import pause_file
from monitor.runtime.account.one_shot import fetch
from monitor.store.readers.status import read_status
from monitor.store.writes.daemon_row import present_clock
from monitor.view.documents.account import account_document
from monitor.view.documents.status import DaemonSeen, oldest_age_s, refreshed, status_document
from monitor.view.documents.stress import Keepers
from monitor.view.json_values import Document
from monitor.view.terminal.status_notes import monitored_cells, stop_cells
from monitor.view.terminal.status_screen import (
    check_line,
    debts_table,
    gap_cells,
    headlines,
    interest_cells,
    leaving_cells,
    restore_cells,
    scopes_table,
    status_lines,
)
from monitor.view.terminal.stress import crash_cells


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was just read of the accounts, why the others could not be, and the time by which it was."""

    documents: Mapping[str, Document]
    failures: Sequence[MonitorError]
    clock: Clock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="keep showing it, until Ctrl-C")
    parser.add_argument(
        "--fetch", action="store_true", help="read every account from the exchange first, with its secrets"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="for monitoring systems: exit 1 unless every account is known, fresh and without a critical alert",
    )
    parser.add_argument("--max-age", metavar="DURATION", help="with --check: the oldest that figures may be")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    _refuse_contradictions(args)
    longest = duration("--max-age", args.max_age) if args.max_age is not None else None
    config = config_option.load(args)
    if args.watch:
        watch(lambda: print_screen(read_document(config), keepers(config)))
        return Exit.DONE
    fetched = fetch_all(config) if args.fetch else None
    failures = () if fetched is None else fetched.failures
    if failures and args.json:
        raise failures[0]
    document = read_document(config, fetched)
    longest_s = float(to_seconds(longest if longest is not None else config.schedule.stale_after))
    problems = {account["account"]: account_problems(account, longest_s) for account in document["accounts"]}
    if args.json:
        output.print_json(document)
    elif args.check:
        print_lines(check_line(account, problems[account["account"]]) for account in document["accounts"])
    else:
        print_screen(document, keepers(config))
    if failures:
        return max(output.print_error(failure, as_json=False) for failure in failures)
    return Exit.NO if args.check and any(problems.values()) else Exit.DONE


def read_document(config: Config, fetched: Fetched | None = None) -> Document:
    """The status of the configured accounts as the daemon last left it, or as `fetched`. Raises StoreError."""
    with open_reader(config) as store:
        clock: Clock = store.read(present_clock) if fetched is None else fetched.clock
        rows = store.read(read_status)
    paused = rows.paused or pause_file.is_there(config.safety.pause_file)
    daemon = DaemonSeen(paused=paused)
    if rows.daemon is not None:
        daemon = DaemonSeen(rows.daemon.running, rows.daemon.pid, rows.daemon.since, paused)
    live = {row.account: json.loads(row.document) for row in rows.documents}
    read = {} if fetched is None else fetched.documents
    live |= {name: refreshed(account, live.get(name)) for name, account in read.items()}
    names = [account.name for account in config.accounts]
    return status_document(names, live, daemon, clock.now(), __version__, rows.stops)


def fetch_all(config: Config) -> Fetched:
    """The documents of the accounts that could be read now, and why the others could not.

    The database is looked at first: without one there is nothing to show, and the exchange is not asked in vain.
    """
    with open_reader(config) as store:
        clock = store.read(present_clock)
    fetched: dict[str, Document] = {}
    failures: list[MonitorError] = []
    for account in config.accounts:
        try:
            fetched[account.name] = asyncio.run(_fetched(config, account.name, clock))
        except MonitorError as error:
            error.where = error.where or f"account {account.name}"
            failures.append(error)
    return Fetched(fetched, failures, clock)


async def _fetched(config: Config, name: str, clock: Clock) -> Document:
    own = policies.policy_of(config, name).settings
    async with contextlib.aclosing(open_account(config, name, clock)) as exchange:
        state = await fetch(exchange, own, clock)
    return account_document(state, own, clock.now(), __version__)


def _refuse_contradictions(args: argparse.Namespace) -> None:
    if args.max_age is not None and not args.check:
        raise UsageError("--max-age without --check decides nothing", mend="add --check")
    others = [name for name in ("check", "fetch", "json") if getattr(args, name)]
    if args.watch and others:
        raise UsageError(f"--watch and --{others[0]} exclude each other", mend="--watch shows what the daemon leaves")


def account_problems(account: Document, longest_s: float) -> Sequence[str]:
    """Why a monitoring system should not be content with the account; empty when it should."""
    problems = []
    if account["state"] != "ok":
        problems.append(account["state"].replace("_", " "))
    age = oldest_age_s(account)
    if age is not None and age > longest_s and "stale" not in problems:
        problems.append("older than allowed")
    # An older program left none.
    unknown = account.get("conditions_unknown", ())
    if unknown:
        lacks = sorted({name.replace("_", " ") for one in unknown for name in one["lacking"]})
        problems.append(f"{len(unknown)} critical conditions unknown ({', '.join(lacks)} missing)")
    if account["worst_alert"] == "critical":
        problems.append("a critical alert fires")
    return problems


def print_screen(document: Document, keepers: Keepers) -> None:
    """All of it, for a person: the verdict first, then what can be done about it."""
    accounts, now = document["accounts"], datetime.fromisoformat(document["generated_at"])
    print_lines([*headlines(document), *restore_cells(accounts, now)])
    output.print_line()
    print_table(scopes_table(accounts, keepers))
    print_lines([*status_lines(document), *stop_cells(accounts), *monitored_cells(accounts), *gap_cells(accounts)])
    output.print_line()
    print_lines(
        [*crash_cells(document, CRASHES[WORST_NIGHT], keepers), *interest_cells(accounts), *leaving_cells(accounts)]
    )
    debts = debts_table(accounts, now)
    if debts.rows:
        output.print_line()
        print_table(debts)
    unknown = [account["account"] for account in accounts if account["state"] == "unknown"]
    if unknown and not document["daemon"]["running"]:
        output.print_line(f"nothing is recorded of {', '.join(unknown)} yet: start `margin-monitor run`", "note")


def keepers(config: Config) -> Keepers:
    """What keeps its value, by the configuration."""
    return Keepers(frozenset(config.risk.stable_assets), config.risk.pegs)
