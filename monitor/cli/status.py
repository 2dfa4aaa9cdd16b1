"""`status`: how far each account is from liquidation, and how old that knowledge is."""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime

from monitor import __version__, app
from monitor.cli import output, settings
from monitor.cli.parser import add_json
from monitor.cli.printing import print_lines, print_table
from monitor.cli.values import duration
from monitor.clock import SystemClock
from monitor.config.model import Config
from monitor.core.crashes import CRASHES, WORST_NIGHT
from monitor.core.durations import to_seconds
from monitor.errors import Exit
from monitor.runtime import pause_file
from monitor.store.readers.status import read_status
from monitor.view.documents.fields import Document
from monitor.view.documents.status import DaemonSeen, oldest_age_s, status_document
from monitor.view.status_screen import (
    check_line,
    debts_table,
    headlines,
    leaving_cells,
    restore_cells,
    scopes_table,
    status_lines,
)
from monitor.view.stress import Keepers, crash_cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="keep showing it (not available yet)")
    parser.add_argument(
        "--fetch", action="store_true", help="read every account from the exchange first (not available yet)"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="for monitoring systems: exit 1 unless every account is known, fresh and without a critical alert",
    )
    parser.add_argument("--max-age", metavar="DURATION", help="with --check: the oldest that figures may be")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = settings.load(args)
    longest = duration("--max-age", args.max_age) if args.max_age else config.schedule.stale_after
    now = SystemClock().now()
    document = read_document(config, now)
    problems = {
        account["account"]: account_problems(account, float(to_seconds(longest))) for account in document["accounts"]
    }
    if args.json:
        output.print_json(document)
    elif args.check:
        print_lines(check_line(account, problems[account["account"]]) for account in document["accounts"])
    else:
        print_screen(document, keepers(config))
    return Exit.NO if args.check and any(problems.values()) else Exit.DONE


def read_document(config: Config, now: datetime) -> Document:
    """The status of the configured accounts as the daemon last left it. Raises StoreError."""
    with app.open_reader(config) as store:
        rows = store.read(read_status)
    paused = rows.paused or pause_file.is_there(config.safety.pause_file)
    daemon = DaemonSeen(paused=paused)
    if rows.daemon is not None:
        daemon = DaemonSeen(rows.daemon.running, rows.daemon.pid, rows.daemon.since, paused)
    live = {row.account: json.loads(row.document) for row in rows.documents}
    return status_document([account.name for account in config.accounts], live, daemon, now, __version__)


def account_problems(account: Document, longest_s: float) -> Sequence[str]:
    """Why a monitoring system should not be content with the account; empty when it should."""
    problems = []
    if account["state"] != "ok":
        problems.append(account["state"].replace("_", " "))
    age = oldest_age_s(account)
    if age is not None and age > longest_s and "stale" not in problems:
        problems.append("older than allowed")
    if account["worst_alert"] == "critical":
        problems.append("a critical alert fires")
    return problems


def print_screen(document: Document, keepers: Keepers) -> None:
    """All of it, for a person: the verdict first."""
    accounts = document["accounts"]
    print_lines(headlines(document))
    output.print_line()
    print_table(scopes_table(accounts, keepers))
    debts = debts_table(accounts)
    if debts.rows:
        output.print_line()
        print_table(debts)
    output.print_line()
    print_lines(restore_cells(accounts))
    print_lines(crash_cells(document, CRASHES[WORST_NIGHT], keepers))
    print_lines(leaving_cells(accounts))
    print_lines(status_lines(document))
    unknown = [account["account"] for account in accounts if account["state"] == "unknown"]
    if unknown and not document["daemon"]["running"]:
        output.print_line(f"nothing is recorded of {', '.join(unknown)} yet: start `margin-monitor run`", "note")


def keepers(config: Config) -> Keepers:
    """What keeps its value, by the configuration."""
    return Keepers(frozenset(config.risk.stable_assets), config.risk.pegs)
