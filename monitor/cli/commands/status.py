"""`status`: the distance of each account from liquidation, and the age of the figures."""

import argparse
import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor import __version__
from monitor.app.database import open_reader
from monitor.app.documents.status import StatusQuery, stable_assets_of
from monitor.app.parameters import duration_parameter
from monitor.cli import config_option, output
from monitor.cli.live_view import watch
from monitor.cli.parser import add_json
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS, WORST_SCENARIO
from monitor.core.numbers.durations import to_seconds
from monitor.errors import ExitCode, MonitorError, UsageError
from monitor.store.writes.daemon_row import command_clock
from monitor.view.documents.status import oldest_age_s
from monitor.view.documents.stress import StableAssets
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.terminal.scopes_table import scopes_table
from monitor.view.terminal.status_notes import blocked_action_cells, delisting_cells, past_day_cells
from monitor.view.terminal.status_screen import (
    check_line,
    data_issue_cells,
    debts_table,
    headlines,
    interest_cells,
    recovery_cells,
    status_lines,
    transfer_out_cells,
)
from monitor.view.terminal.stress import scenario_cells


@dataclass(frozen=True, slots=True)
class FetchedAccounts:
    """The accounts just read, the errors of the others, and the time of the reads."""

    documents: Mapping[str, AccountDocument]
    failures: Sequence[MonitorError]
    clock: Clock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="update the output until Ctrl-C")
    parser.add_argument(
        "--fetch", action="store_true", help="read every account from the exchange first, with its secrets"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="for monitoring systems: exit 1 unless every account is known, fresh and without a critical alert",
    )
    parser.add_argument("--max-age", metavar="DURATION", help="with --check: the maximum age of figures")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    _refuse_contradictions(args)
    longest = duration_parameter("max_age", args.max_age) if args.max_age is not None else None
    config = config_option.read_config(args)
    if args.watch:
        watch(lambda: print_screen(read_status(config), stable_assets_of(config)))
        return ExitCode.DONE
    fetched = fetch_accounts(config) if args.fetch else None
    failures = () if fetched is None else fetched.failures
    if failures and args.json:
        raise failures[0]
    document = read_status(config, fetched)
    longest_s = float(to_seconds(longest if longest is not None else config.schedule.stale_after))
    problems = {account["account"]: account_problems(account, longest_s) for account in document["accounts"]}
    if args.json:
        output.print_json(document)
    elif args.check:
        output.print_cells(check_line(account, problems[account["account"]]) for account in document["accounts"])
    else:
        print_screen(document, stable_assets_of(config))
    if failures:
        return max(output.print_error(failure, as_json=False) for failure in failures)
    return ExitCode.NO if args.check and any(problems.values()) else ExitCode.DONE


def read_status(config: Config, fetched: FetchedAccounts | None = None) -> StatusDocument:
    """The status as the daemon last stored it, or as `fetched`. Raises StoreError."""
    query = StatusQuery(config) if fetched is None else StatusQuery(config, fetched.documents, fetched.clock)
    with open_reader(config) as store:
        return query.read(store)


def fetch_accounts(config: Config) -> FetchedAccounts:
    """The documents of the accounts that could be read now, and the errors of the others.

    The database is opened first: without one there is nothing to show, and no request to the exchange is wasted.
    """
    with open_reader(config) as store:
        clock = store.read(command_clock)
    fetched: dict[str, AccountDocument] = {}
    failures: list[MonitorError] = []
    for account in config.accounts:
        try:
            fetched[account.name] = asyncio.run(_fetch_account(config, account.name, clock))
        except MonitorError as error:
            error.where = error.where or f"account {account.name}"
            failures.append(error)
    return FetchedAccounts(fetched, failures, clock)


async def _fetch_account(config: Config, name: str, clock: Clock) -> AccountDocument:
    # Loaded for --fetch alone: they take as long as the rest of the command.
    from monitor.app.exchange import open_binance_account
    from monitor.config import policies
    from monitor.runtime.account.single_read import read_account_once
    from monitor.view.documents.account import account_document

    own = policies.build_policy(config, name).settings
    async with contextlib.aclosing(open_binance_account(config, name, clock)) as exchange:
        state = await read_account_once(exchange, own, clock)
    return account_document(state, own, clock.now(), __version__)


def _refuse_contradictions(args: argparse.Namespace) -> None:
    if args.max_age is not None and not args.check:
        raise UsageError("--max-age without --check decides nothing", mend="add --check")
    others = [name for name in ("check", "fetch", "json") if getattr(args, name)]
    if args.watch and others:
        raise UsageError(f"--watch and --{others[0]} exclude each other", mend="--watch shows what the daemon leaves")


def account_problems(account: AccountDocument, max_age_s: float) -> Sequence[str]:
    """The problems of an account for a monitoring system; empty when there is none."""
    problems = []
    if account["state"] != "ok":
        problems.append(account["state"].replace("_", " "))
    age = oldest_age_s(account)
    if age is not None and age > max_age_s and "stale" not in problems:
        problems.append("older than allowed")
    # A document of an older program has no such field.
    unknown = account.get("conditions_unknown", ())
    if unknown:
        lacks = sorted({name.replace("_", " ") for condition in unknown for name in condition["lacking"]})
        problems.append(f"{len(unknown)} critical conditions unknown ({', '.join(lacks)} missing)")
    if account["worst_alert"] == "critical":
        problems.append("a critical alert fires")
    return problems


def print_screen(document: StatusDocument, stable_assets: StableAssets) -> None:
    """The whole status for a person: the verdict first, then recovery options."""
    accounts, now = document["accounts"], datetime.fromisoformat(document["generated_at"])
    output.print_cells([*headlines(document), *recovery_cells(accounts, now)])
    output.print_line()
    output.print_view_table(scopes_table(accounts, stable_assets))
    output.print_cells(
        [
            *status_lines(document),
            *blocked_action_cells(accounts),
            *delisting_cells(accounts),
            *data_issue_cells(accounts),
        ]
    )
    output.print_line()
    output.print_cells(
        [
            *scenario_cells(document, STRESS_SCENARIOS[WORST_SCENARIO], stable_assets),
            *past_day_cells(accounts, now),
            *interest_cells(accounts),
            *transfer_out_cells(accounts),
        ]
    )
    debts = debts_table(accounts, now)
    if debts.rows:
        output.print_line()
        output.print_view_table(debts)
    unknown = [account["account"] for account in accounts if account["state"] == "unknown"]
    if unknown and not document["daemon"]["running"]:
        output.print_line(f"nothing is recorded of {', '.join(unknown)} yet: start `margin-monitor run`", "note")
