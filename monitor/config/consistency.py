"""Checks across the keys of one table or rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from monitor.config.addresses import is_loopback
from monitor.config.errors import ErrorList, Location
from monitor.config.rules.action_schema import ActionConfig
from monitor.config.schema import AccountConfig, ChannelConfig, HttpConfig, ReportConfig
from monitor.config.secrets import SecretRef
from monitor.core.actions.spec import KEYS_BY_KIND
from monitor.core.rules.rule import Rule
from monitor.errors import suggest_nearest


def check_accounts(accounts: Iterable[tuple[Location, AccountConfig]], mistakes: ErrorList) -> None:
    """Check that each account has exactly one of secret and private key, and a passphrase only with the latter."""
    for place, account in accounts:
        _check_credentials(place, account, "", mistakes)
        if account.action_api_key is not None:
            _check_credentials(place, account, "action_", mistakes)
            continue
        for key in ("action_api_secret", "action_private_key", "action_private_key_passphrase"):
            if getattr(account, key) is not None:
                mistakes.add(place.key(key), "stands without action_api_key", "write action_api_key too, or remove it")


def check_channels(
    channels: Sequence[tuple[Location, ChannelConfig]], names: Sequence[str], mistakes: ErrorList
) -> None:
    """Check that each channel has exactly one address, and as fallback another channel.

    `names` are those of all channels, including unreadable ones.
    """
    for place, channel in channels:
        if channel.url is None and channel.webhook is None:
            mistakes.add(place.key("url"), "is missing", 'write url = "…" or webhook = "https://…"')
        if channel.url is not None and channel.webhook is not None:
            mistakes.add(place.key("webhook"), "stands beside url", "keep one of them")
        if channel.fallback == channel.name:
            mistakes.add(place.key("fallback"), "names the channel itself", "name another channel")
        elif channel.fallback is not None:
            check_names([channel.fallback], names, "channel", place.key("fallback"), mistakes)


def check_pegs(pegs: Mapping[str, str], stables: Iterable[str], place: Location, mistakes: ErrorList) -> None:
    """Check that each asset tracks another one, and is not also pegged to USDT as a stable asset."""
    for asset, reference in pegs.items():
        if asset == reference:
            mistakes.add(place.key(asset), "is pegged to itself", "name the asset that it should track")
        elif asset in stables:
            mistakes.add(place.key(asset), "is one of stable_assets too", "keep it in one of the two")


def check_action(table: Mapping[str, Any], action: ActionConfig, place: Location, mistakes: ErrorList) -> None:
    """Check that the keys fit the action's kind, one of them sizes it, and automatic actions have limits."""
    kind = action.kind
    for key in table:
        if key not in KEYS_BY_KIND[kind]:  # type: ignore[index]  # the schema's choice is the very list of kinds
            mistakes.add(place.key(key), f'means nothing for kind = "{kind}"', "remove it")
    if action.target is not None and action.amount is not None:
        mistakes.add(place.key("amount"), "stands beside target", "keep one of them")
    missing = [key for key in ("max_amount", "max_per_day") if getattr(action, key) is None]
    if kind == "cancel_orders" or not missing:
        return
    them, lacking = "them" if len(missing) > 1 else "it", " and ".join(missing)
    if action.mode == "live":
        mistakes.add(place.key("mode"), f'"live" needs {lacking}', f'set {them}, or write mode = "dry-run"')
    elif action.mode == "approve" and action.on_no_answer == "act":
        what = f'"act" moves money without a person and needs {lacking}'
        mistakes.add(place.key("on_no_answer"), what, f'set {them}, or write on_no_answer = "skip"')


def check_rule(rule: Rule, channels: Sequence[str], actions: Sequence[str], mistakes: ErrorList) -> None:
    """Check that the channels and actions that the rule names exist."""
    file, _, path = rule.where.partition(": ")
    place = Location(file, path)
    check_names(rule.channels or (), channels, "channel", place.key("channels"), mistakes)
    check_names(rule.actions, actions, "action", place.key("actions"), mistakes)
    for index, step in enumerate(rule.escalate):
        check_names(step.channels, channels, "channel", place.key("escalate").item(index).key("channels"), mistakes)


def check_report(report: ReportConfig, channels: Sequence[str], place: Location, mistakes: ErrorList) -> None:
    """Check that the report's channels exist, and that it has a time if it has anything else."""
    check_names(report.channels, channels, "channel", place.key("channels"), mistakes)
    if report.at is None and (report.channels or report.time_zone):
        mistakes.add(place.key("at"), "is missing", 'write at = "08:00", or remove [report]')


def check_http(http: HttpConfig, place: Location, mistakes: ErrorList) -> None:
    """Check that a page without a token is for this machine alone."""
    host = http.listen.rpartition(":")[0].strip("[]")
    if host and http.token is None and not is_loopback(host):
        what = f'"{http.listen}" can be reached from other machines, which needs a token'
        mistakes.add(place.key("listen"), what, 'set token, or write listen = "127.0.0.1:9184"')


def check_names(names: Iterable[str], known: Sequence[str], what: str, place: Location, mistakes: ErrorList) -> None:
    for name in names:
        if name not in known:
            mend = suggest_nearest(name, known) or f"add [[{what}s]] with that name"
            mistakes.add(place, f'no {what} is called "{name}"', mend)


def literal_secrets(table: Any) -> list[SecretRef]:
    """The secrets of a table that are written in the file itself."""
    values = (getattr(table, field.name) for field in fields(table))
    return [value for value in values if isinstance(value, SecretRef) and value.is_literal_secret]


def _check_credentials(place: Location, account: AccountConfig, prefix: str, mistakes: ErrorList) -> None:
    secret, private_key = f"{prefix}api_secret", f"{prefix}private_key"
    has_secret, has_key = getattr(account, secret) is not None, getattr(account, private_key) is not None
    if not has_secret and not has_key:
        mistakes.add(place.key(secret), "is missing", f'write {secret} = "…" or {private_key} = "file:KEY.pem"')
    if has_secret and has_key:
        mistakes.add(place.key(private_key), f"stands beside {secret}", "keep one of them")
    passphrase = f"{private_key}_passphrase"
    if getattr(account, passphrase) is not None and not has_key:
        mistakes.add(place.key(passphrase), f"stands without {private_key}", "remove it")
