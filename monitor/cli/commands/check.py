"""`check`: one row for each thing that must work, with the fix where it does not. Sends nothing to any channel."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from monitor.app import daemon
from monitor.app.channels import describe_channel
from monitor.app.database import check_database, open_reader, read_free_space
from monitor.app.exchange import load_weight_budget, open_exchange
from monitor.cli import config_option, output
from monitor.cli.lint_input import find_conflict_flaws, find_flaws
from monitor.cli.parser import add_json
from monitor.clock import SystemClock
from monitor.config.credentials import resolve_database_url, resolve_heartbeat, resolve_http_token
from monitor.config.model import Config, sqlite_file
from monitor.config.secret_conflicts import find_readable_secret_conflicts
from monitor.core.actions.permissions import Permission, granted_permissions, needed_permissions
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import KeyPermissions
from monitor.core.numbers.durations import format_duration
from monitor.errors import ConfigError, ExchangeError, ExchangeUnreachable, ExitCode, MonitorError, StoreError
from monitor.store.writes import account_owners as owner_rows
from monitor.view.documents.types.checks import CheckDocument, CheckItemDocument
from monitor.view.terminal.table import Cell, Tone

if TYPE_CHECKING:
    from monitor.exchange.binance.rate_limits import WeightBudget
    from monitor.exchange.port import Exchange

CheckStatus = Literal["ok", "warning", "error", "skipped"]

MAX_CLOCK_OFFSET = timedelta(seconds=1)
"""A request this much ahead of the exchange's clock is refused; we correct for it, but other programs don't."""

MIN_TOKEN_LENGTH = 16
KEY_EXPIRY_WARNING = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The result of one check. `account` when it is about one, `mend` when there is something to fix."""

    name: str
    result: CheckStatus
    detail: str
    mend: str | None = None
    account: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--offline", action="store_true", help="skip checks that need the network")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    rows = [
        CheckRow("config", "ok", str(config.source)),
        *_rules(config, args.offline),
        *asyncio.run(_accounts(config, args.offline)),
        *(
            CheckRow("secrets", "error", f"{conflict.location} {conflict.message}", conflict.mend)
            for conflict in find_readable_secret_conflicts(config)
        ),
        *_token_rows(config),
    ]
    rows += [_database_row(config, args.offline), _space_row(config)]
    rows += [*_channel_rows(config), *daily_report_rows(config), *_heartbeat_rows(config)]
    is_ok = all(row.result != "error" for row in rows)
    if args.json:
        document: CheckDocument = {"ok": is_ok, "items": [_item_document(row) for row in rows]}
        output.print_json(document)
    else:
        _print_rows(rows)
    return ExitCode.DONE if is_ok else ExitCode.NO


def _token_rows(config: Config) -> list[CheckRow]:
    """A row for a token of the page that can't be read, or that could be guessed."""
    try:
        token = resolve_http_token(config)
    except ConfigError as error:
        return [_error_row("secrets", error)]
    if token is None or len(token.reveal()) >= MIN_TOKEN_LENGTH:
        return []
    detail = f"the token of [http] is shorter than {MIN_TOKEN_LENGTH} characters: it could be guessed"
    return [CheckRow("secrets", "warning", detail, "`openssl rand -hex 32` makes a good one")]


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


async def _accounts(config: Config, offline: bool) -> list[CheckRow]:
    """The rows of all accounts, in their order; the accounts are checked concurrently."""
    # One address: a ban reported to one account applies to all.
    usage = None if offline else load_weight_budget(config, SystemClock())
    uids: dict[str, int] = {}
    owners = _remembered_owners(config)
    rows = await asyncio.gather(
        *(_account_rows(config, account.name, usage, owners, uids) for account in config.accounts)
    )
    return [*(row for account_rows in rows for row in account_rows), *_duplicate_account_rows(uids)]


def _remembered_owners(config: Config) -> Mapping[str, int]:
    """Exchange users by API key fingerprint, as recorded in the database; empty without a database."""
    with suppress(ConfigError, StoreError), open_reader(config) as reader:
        return reader.read(owner_rows.read_known_owners)
    return {}


def _duplicate_account_rows(uids: Mapping[str, int]) -> list[CheckRow]:
    """Accounts of the configuration that are the same account of the exchange: `run` refuses them."""
    found: list[CheckRow] = []
    for name, uid in uids.items():
        same = next((other for other in uids if other != name and uids[other] == uid), None)
        if same is not None:
            detail = f"is the same account of the exchange as {same}: such a configuration is refused"
            found.append(CheckRow("key", "error", detail, "take one of the two out of the configuration", name))
    return found


async def _owner_rows(config: Config, account: str, exchange: "Exchange", uids: dict[str, int]) -> list[CheckRow]:
    """Record the exchange user of the account; a row where the action key belongs to another user."""
    try:
        uids[account] = await exchange.read_user_id()
        if config.account(account).action_api_key is None or await exchange.read_action_user_id() == uids[account]:
            return []
    except ExchangeError:
        # The rows of the keys report what is wrong with them.
        return []
    detail = "action_api_key belongs to another account of the exchange: no action is taken"
    return [CheckRow("key", "error", detail, "give a key of the account that is watched", account)]


async def _account_rows(
    config: Config, account: str, usage: "WeightBudget | None", owners: Mapping[str, int], uids: dict[str, int]
) -> list[CheckRow]:
    """The account's rows; without `usage` the exchange is not asked. `uids` gets the account's exchange user."""
    try:
        exchange = open_exchange(config, account, SystemClock(), usage)
    except ConfigError as error:
        failed = _error_row("secrets", error, account)
        return [failed, *_skipped_rows("no usable key", account, ("exchange", "clock", "key", "permissions"))]
    try:
        if exchange.key_fingerprint in owners:
            uids[account] = owners[exchange.key_fingerprint]
        secrets = CheckRow("secrets", "ok", _sources(config, account), account=account)
        if usage is None:
            return [secrets, *_skipped_rows("offline", account, ("exchange", "clock", "key", "permissions"))]
        online = await _online_rows(config, account, exchange)
        return [secrets, *online, *await _owner_rows(config, account, exchange, uids)]
    finally:
        await exchange.aclose()


async def _online_rows(config: Config, account: str, exchange: "Exchange") -> list[CheckRow]:
    try:
        offset = await exchange.sync_clock()
    except ExchangeUnreachable as error:
        detail = f"{config.exchange.rest_url} can't be reached ({error.message})"
        reached = CheckRow("exchange", "error", detail, "check the address, the network and exchange.proxy", account)
        return [reached, *_skipped_rows("exchange not reached", account, ("clock", "key", "permissions"))]
    except ExchangeError as error:
        reached = _error_row("exchange", error, account)
        return [reached, *_skipped_rows("exchange not reached", account, ("clock", "key", "permissions"))]
    rows = [
        CheckRow("exchange", "ok", f"{config.exchange.rest_url} answers", account=account),
        _clock_row(offset, account),
    ]
    reads = [("the key", exchange.read_key, config.actions)]
    if config.account(account).action_api_key is not None:
        reads = [("the key", exchange.read_key, ()), ("action_api_key", exchange.read_action_key, config.actions)]
    acts = any(action.mode != "dry-run" for action in config.actions)
    for which, read, actions in reads:
        try:
            permissions = await read()
        except ExchangeError as error:
            refused = _error_row("key", error, account)
            rows.append(replace(refused, detail=f"{which}: {refused.detail}"))
            rows += _skipped_rows(f"no answer to {which}", account, ("permissions",))
        else:
            rows.append(_key_row(which, permissions, account))
            rows += _permission_rows(which, permissions, actions, account, acts=acts)
    is_refused = any(row.name == "key" and row.result == "error" for row in rows)
    return rows if is_refused else [*rows, *await _unreadable_rows(config, account, exchange)]


async def _unreadable_rows(config: Config, account: str, exchange: "Exchange") -> list[CheckRow]:
    """Reads that the daemon would need and that fail; the permissions of a key don't show that."""
    watched = config.account(account)
    reads: list[tuple[str, Callable[[], Awaitable[object]]]] = []
    if watched.cross:
        reads.append(("cross", exchange.read_cross))
    if watched.isolated:
        reads.append(("the isolated pairs", exchange.read_isolated))
    rows = []
    for which, read in reads:
        try:
            await read()
        except ExchangeError as error:
            refused = _error_row("account", error, account)
            rows.append(replace(refused, detail=f"{which} can't be read: {refused.detail}"))
    return rows


def _clock_row(offset: timedelta, account: str) -> CheckRow:
    if abs(offset) <= MAX_CLOCK_OFFSET:
        milliseconds = offset / timedelta(milliseconds=1)
        return CheckRow(
            "clock", "ok", f"{milliseconds:+.0f} ms between the exchange's clock and this one", account=account
        )
    direction = "behind" if offset > timedelta() else "ahead of"
    detail = f"this machine's clock is {format_duration(abs(offset))} {direction} the exchange's"
    return CheckRow("clock", "warning", detail, "synchronise it with NTP", account)


def _key_row(which: str, permissions: KeyPermissions, account: str) -> CheckRow:
    if permissions.expires_at is not None:
        left = permissions.expires_at - SystemClock().now()
        if left < KEY_EXPIRY_WARNING:
            detail = f"{which} is accepted; its rights end at {permissions.expires_at:%Y-%m-%d %H:%M} UTC"
            return CheckRow("key", "warning", detail, "renew the key at the exchange", account)
    return CheckRow("key", "ok", f"{which} is accepted", account=account)


def _permission_rows(
    which: str, permissions: KeyPermissions, actions: Iterable[ActionSpec], account: str, *, acts: bool
) -> list[CheckRow]:
    """The permissions of a key against those that it needs, one row for each finding, the worst first.

    `actions` are those that this key would carry out; `acts`: some action of the configuration is more than a dry run.
    """
    wanted, has = needed_permissions(actions), granted_permissions(permissions)
    spare = has - wanted
    rows: list[CheckRow] = []

    def found(result: CheckStatus, detail: str, mend: str) -> None:
        rows.append(CheckRow("permissions", result, f"{which} {detail}", mend, account))

    if permissions.withdrawals:
        detail = "may withdraw; with such a key no action is taken"
        found("error", detail, "switch withdrawals off at the exchange")
    if not permissions.reading:
        found("error", "may not read", "allow reading at the exchange")
    if acts and permissions.portfolio_margin:
        spare -= {Permission.PORTFOLIO_MARGIN}
        detail = "is one of portfolio margin; with such a key no action will be taken"
        found("error", detail, 'use a key of a classic account, or set mode = "dry-run"')
    if wanted - has:
        detail = f"may not do what actions need: {', '.join(sorted(wanted - has))}"
        found("error", detail, 'allow it at the exchange, or set mode = "dry-run"')
    if not permissions.ip_restricted:
        found("warning", "works from any address", "restrict it to this machine's address at the exchange")
    if spare:
        detail = f"may do what no action of this configuration needs: {', '.join(sorted(spare))}"
        found("warning", detail, "take it away at the exchange")
    if rows:
        return rows
    acting = f", and what the actions need: {', '.join(sorted(wanted))}" if wanted else ""
    detail = f"{which} may read{acting}; no withdrawals; restricted to known addresses"
    return [CheckRow("permissions", "ok", detail, account=account)]


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
        return _error_row("database", error)


def _space_row(config: Config) -> CheckRow:
    """Free disk space: also stream events that wait for a database on a server need it."""
    try:
        folder, free, is_low = read_free_space(config)
    except (MonitorError, OSError) as error:
        return _error_row("space", error)
    detail = f"{free / 1_000_000:,.0f} MB free in {folder}"
    if is_low:
        return CheckRow("space", "warning", f"only {detail}", "free some: what is not recorded is soon forgotten")
    return CheckRow("space", "ok", detail)


def _channel_rows(config: Config) -> list[CheckRow]:
    if not config.channels:
        mend = "add [[channels]] with a name and an url"
        return [CheckRow("channels", "warning", "there is no channel: alerts reach nobody", mend)]
    rows = []
    for channel in config.channels:
        name = f"channel:{channel.name}"
        try:
            rows.append(CheckRow(name, "ok", describe_channel(config, channel.name)))
        except ConfigError as error:
            rows.append(_error_row(name, error))
    return rows


def _heartbeat_rows(config: Config) -> list[CheckRow]:
    """The configured heartbeat. No ping is sent: it would report that all is well. Lint reports a missing heartbeat."""
    try:
        if resolve_heartbeat(config) is None:
            return []
    except ConfigError as error:
        return [_error_row("heartbeat", error)]
    return [CheckRow("heartbeat", "ok", f"pinged every {format_duration(config.heartbeat.every)} while all is well")]


def _error_row(name: str, error: MonitorError | OSError, account: str | None = None) -> CheckRow:
    if isinstance(error, OSError):
        return CheckRow(name, "error", f"{error.filename}: {error.strerror}", None, account)
    detail = f"{error.where}: {error.message}" if error.where else error.message
    return CheckRow(name, "error", detail, error.mend or None, account)


def _skipped_rows(why: str, account: str, names: Sequence[str]) -> list[CheckRow]:
    return [CheckRow(name, "skipped", why, account=account) for name in names]


def _sources(config: Config, name: str) -> str:
    """The sources of the account's secrets."""
    account = config.account(name)
    refs = (account.api_key, account.api_secret, account.private_key, account.action_api_key)
    places = dict.fromkeys(str(ref) if ref.literal is None else "the config file" for ref in refs if ref is not None)
    return f"read from {', '.join(places)}"


def _names_text(names: Sequence[str], what: str) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _item_document(row: CheckRow) -> CheckItemDocument:
    document: CheckItemDocument = {"name": row.name, "result": row.result, "detail": row.detail}
    if row.mend is not None:
        document["mend"] = row.mend
    if row.account is not None:
        document["account"] = row.account
    return document


def _print_rows(rows: Sequence[CheckRow]) -> None:
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
