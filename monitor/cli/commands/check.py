"""`check`: one row for each thing that must work, with the fix where it does not. Sends nothing to any channel."""

import argparse
import asyncio
from collections.abc import Sequence

from monitor.app import daemon
from monitor.app.channels import describe_channel
from monitor.app.database import check_database, read_free_space
from monitor.app.replies import check_reply_channel
from monitor.cli import config_option, output
from monitor.cli.account_checks import check_accounts
from monitor.cli.check_rows import CheckRow, CheckStatus, error_row
from monitor.cli.lint_input import find_conflict_flaws, find_flaws
from monitor.cli.parser import add_json
from monitor.config.conflicts.secret_conflicts import find_readable_secret_conflicts
from monitor.config.credentials import resolve_database_url, resolve_heartbeat, resolve_http_token
from monitor.config.model import Config, sqlite_file
from monitor.core.numbers.durations import format_duration
from monitor.errors import ConfigError, ExitCode, MonitorError, StoreError
from monitor.view.documents.types.checks import CheckDocument, CheckItemDocument
from monitor.view.terminal.table import Cell, Tone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--offline", action="store_true", help="skip checks that need the network")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    rows = gather_rows(config, args.offline)
    is_ok = all(row.result != "error" for row in rows)
    if args.json:
        document: CheckDocument = {"ok": is_ok, "items": [_item_document(row) for row in rows]}
        output.print_json(document)
    else:
        print_rows(rows)
    return ExitCode.DONE if is_ok else ExitCode.NO


def gather_rows(config: Config, offline: bool) -> list[CheckRow]:
    """The rows of all checks; `offline` skips those that need the network."""
    rows = [
        CheckRow("config", "ok", str(config.source)),
        *_rules(config, offline),
        *asyncio.run(check_accounts(config, offline)),
        *(
            CheckRow("secrets", "error", f"{conflict.location} {conflict.message}", conflict.mend)
            for conflict in find_readable_secret_conflicts(config)
        ),
        *_token_rows(config),
    ]
    rows += [_database_row(config, offline), _space_row(config)]
    return [*rows, *asyncio.run(_channel_rows(config, offline)), *daily_report_rows(config), *_heartbeat_rows(config)]


def print_rows(rows: Sequence[CheckRow]) -> None:
    """The rows as a table."""
    styles: dict[CheckStatus, Tone] = {"ok": "good", "warning": "note", "error": "bad", "skipped": "dim"}
    output.print_table(
        ("check", "account", "result", "detail"),
        [
            (
                row.name,
                row.account or "",
                Cell(row.result, styles[row.result]),
                f"{row.detail}; {row.mend}" if row.mend else row.detail,
            )
            for row in rows
        ],
    )


def _token_rows(config: Config) -> list[CheckRow]:
    """A row for a token of the page that can't be read, or that could be guessed."""
    try:
        resolve_http_token(config)
    except ConfigError as error:
        return [error_row("secrets", error)]
    return []


def daily_report_rows(config: Config) -> list[CheckRow]:
    """Rows for the channels that get the daily report, and for configured ones that do not take it."""
    at, zone = config.report.at, config.report.time_zone or "UTC"
    order = daemon.report_settings(config)
    if order is None:
        return []
    left_out = [name for name in config.report.channels if name not in order.channels]
    mend = 'add "info" to the severities of one, or name another in [report] channels'
    if not order.channels:
        return [
            CheckRow("report", "warning", "no channel of the daily report takes info messages: nobody gets it", mend)
        ]
    detail = f"every day at {at} ({zone}) to {', '.join(order.channels)}"
    if left_out:
        return [CheckRow("report", "warning", f"{detail}; {', '.join(left_out)} takes no info messages", mend)]
    return [CheckRow("report", "ok", detail)]


def _rules(config: Config, offline: bool) -> list[CheckRow]:
    """The flaws of lint, then the number of rules and the modes of their actions; one row alone without any rule."""
    rows: list[CheckRow] = []
    for flaw in find_flaws(config, offline=offline) if config.rules else find_conflict_flaws(config):
        detail = f"{flaw.rule}: {flaw.detail}" if flaw.rule is not None else flaw.detail
        rows.append(CheckRow("rules", flaw.result, detail, flaw.mend))
    return [*rows, _rules_row(config)]


def _rules_row(config: Config) -> CheckRow:
    named = {name for rule in config.rules for name in rule.actions}
    idle = [action.name for action in config.actions if action.name not in named]
    if not config.rules:
        return CheckRow("rules", "warning", "there is no rule: nothing is ever alerted", "set default_rules = true")
    if idle:
        return CheckRow(
            "rules", "warning", f"no rule names {_names_text(idle, 'action')}", "add it to a rule's actions"
        )
    acting = [action.name for action in config.actions if action.mode != "dry-run"]
    may_act = f"{_names_text(acting, 'action')} may move money" if acting else "no action moves money"
    return CheckRow("rules", "ok", f"{len(config.rules)} rules; {may_act}")


def _database_row(config: Config, offline: bool) -> CheckRow:
    try:
        file = sqlite_file(resolve_database_url(config).reveal())
        if file is not None and not file.exists():
            return CheckRow(
                "database", "warning", f"there is none yet at {file}", "`margin-monitor db upgrade` makes it"
            )
        if file is None and offline:
            return CheckRow("database", "skipped", "offline")
        return CheckRow("database", "ok", check_database(config))
    except (ConfigError, StoreError, OSError) as error:
        return error_row("database", error)


def _space_row(config: Config) -> CheckRow:
    """Free disk space: also stream events that wait for a database on a server need it."""
    try:
        folder, free, is_low = read_free_space(config)
    except (MonitorError, OSError) as error:
        return error_row("space", error)
    detail = f"{free / 1_000_000:,.0f} MB free in {folder}"
    if is_low:
        return CheckRow("space", "warning", f"only {detail}", "free some: what is not recorded is soon forgotten")
    return CheckRow("space", "ok", detail)


async def _channel_rows(config: Config, offline: bool) -> list[CheckRow]:
    """A row for each channel. The service of one that can be answered is asked whether it accepts the keys."""
    if not config.channels:
        mend = "add [[channels]] with a name and an url"
        return [CheckRow("channels", "warning", "there is no channel: alerts reach nobody", mend)]
    rows = []
    for channel in config.channels:
        name = f"channel:{channel.name}"
        try:
            described = describe_channel(config, channel.name)
            answered = None if offline else await check_reply_channel(config, channel.name)
            rows.append(CheckRow(name, "ok", answered or described))
        except ConfigError as error:
            rows.append(error_row(name, error))
    return rows


def _heartbeat_rows(config: Config) -> list[CheckRow]:
    """The configured heartbeat. No ping is sent: it would report that all is well. Lint reports a missing heartbeat."""
    try:
        if resolve_heartbeat(config) is None:
            return []
    except ConfigError as error:
        return [error_row("heartbeat", error)]
    return [CheckRow("heartbeat", "ok", f"pinged every {format_duration(config.heartbeat.every)} while all is well")]


def _names_text(names: Sequence[str], what: str) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _item_document(row: CheckRow) -> CheckItemDocument:
    document: CheckItemDocument = {"name": row.name, "result": row.result, "detail": row.detail}
    if row.mend is not None:
        document["mend"] = row.mend
    if row.account is not None:
        document["account"] = row.account
    return document
