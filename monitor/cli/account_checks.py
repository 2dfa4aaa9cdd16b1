"""Checks of the accounts: their secrets, the exchange, its clock, the keys, and what these may do and read."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.app.database import open_reader
from monitor.app.exchange import load_weight_budget, open_exchange
from monitor.cli.check_rows import CheckRow, CheckStatus, error_row, skipped_rows
from monitor.clock import SystemClock
from monitor.config.model import Config
from monitor.core.actions.permissions import Permission, granted_permissions, needed_permissions
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import KeyPermissions
from monitor.core.numbers.durations import format_duration
from monitor.errors import ConfigError, ExchangeError, ExchangeUnreachable, StoreError
from monitor.store.writes import account_owners as owner_rows

if TYPE_CHECKING:
    from monitor.exchange.binance.rate_limits import WeightBudget
    from monitor.exchange.port import Exchange


MAX_CLOCK_OFFSET = timedelta(seconds=1)
"""A request this much ahead of the exchange's clock is refused; we correct for it, but other programs don't."""
KEY_EXPIRY_WARNING = timedelta(days=14)


async def check_accounts(config: Config, offline: bool) -> list[CheckRow]:
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
        failed = error_row("secrets", error, account)
        return [failed, *skipped_rows("no usable key", account, ("exchange", "clock", "key", "permissions"))]
    try:
        if exchange.key_fingerprint in owners:
            uids[account] = owners[exchange.key_fingerprint]
        secrets = CheckRow("secrets", "ok", _sources(config, account), account=account)
        if usage is None:
            return [secrets, *skipped_rows("offline", account, ("exchange", "clock", "key", "permissions"))]
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
        return [reached, *skipped_rows("exchange not reached", account, ("clock", "key", "permissions"))]
    except ExchangeError as error:
        reached = error_row("exchange", error, account)
        return [reached, *skipped_rows("exchange not reached", account, ("clock", "key", "permissions"))]
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
            refused = error_row("key", error, account)
            rows.append(replace(refused, detail=f"{which}: {refused.detail}"))
            rows += skipped_rows(f"no answer to {which}", account, ("permissions",))
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
            refused = error_row("account", error, account)
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


def _sources(config: Config, name: str) -> str:
    """The sources of the account's secrets."""
    account = config.account(name)
    refs = (account.api_key, account.api_secret, account.private_key, account.action_api_key)
    places = dict.fromkeys(str(ref) if ref.literal is None else "the config file" for ref in refs if ref is not None)
    return f"read from {', '.join(places)}"
