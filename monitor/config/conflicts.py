"""Conflicts between keys that are each valid: one table of rules.

`ERROR`: the combination can never work, the configuration is refused. `WARNING`: `check` and `rules lint` report it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal

from monitor.config.errors import ErrorList, Location
from monitor.config.model import Config
from monitor.config.policies import build_channel_limits
from monitor.config.rules.rule_files import matching_files
from monitor.config.schema import AccountConfig, ChannelConfig
from monitor.config.secrets import SecretRef
from monitor.core.model.alert import SEVERITIES
from monitor.core.numbers.durations import format_duration, from_seconds
from monitor.core.rules.rule import MATCH_ALL, Rule
from monitor.errors import suggest_nearest

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"

RELAXED_INTERVAL_RATIO = (5, 4)
"""How much longer the interval of a read gets while every scope that it covers is safe."""

MAX_NEAR_INTERVAL = timedelta(seconds=30)
MAX_LIQUIDATIONS_INTERVAL = timedelta(hours=1)
MAX_COOLDOWN = timedelta(hours=6)
MAX_FOR_S, MAX_CRITICAL_FOR_S = Decimal(86_400), Decimal(600)
MIN_REPEAT_S, MAX_CRITICAL_REPEAT_S = Decimal(10), Decimal(21_600)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two keys that can't both take effect: location, error, fix."""

    location: Location
    message: str
    mend: str


@dataclass(frozen=True, slots=True)
class ConflictRule:
    """The rule of one conflict. `find` yields every conflict of this kind in a configuration."""

    name: str
    result: Literal["warning", "error"]
    find: Callable[[Config], Iterator[Conflict]]


def refuse_conflicts(config: Config) -> None:
    """Raise ConfigError, with all others in its `others`, for a configuration that can never work."""
    mistakes = ErrorList()
    for conflict in find_conflicts(config, ERROR):
        mistakes.add(conflict.location, conflict.message, conflict.mend)
    mistakes.raise_if_any()


def find_conflicts(config: Config, result: Literal["warning", "error"]) -> Iterator[Conflict]:
    """Every conflict of one result, in the order of the table."""
    for relation in CONFLICT_RULES:
        if relation.result == result:
            yield from relation.find(config)


def _interval_above_stale(config: Config) -> Iterator[Conflict]:
    schedule = config.schedule
    watched = {"cross": any(a.cross for a in config.accounts), "isolated": any(a.isolated for a in config.accounts)}
    for key in (name for name, is_watched in watched.items() if is_watched):
        every: timedelta = getattr(schedule, key)
        longest = every * RELAXED_INTERVAL_RATIO[0] / RELAXED_INTERVAL_RATIO[1]
        if longest >= schedule.stale_after:
            stale = _span_text(schedule.stale_after)
            what = f"is {_span_text(every)}, at rest {_span_text(longest)}, but figures are stale after {stale}"
            yield Conflict(
                _table_location(config, "schedule").key(key), what, "lower it, or raise stale_after above that"
            )


def _near_interval_above_stale(config: Config) -> Iterator[Conflict]:
    schedule = config.schedule
    if schedule.near_liquidation >= schedule.stale_after:
        near, stale = _span_text(schedule.near_liquidation), _span_text(schedule.stale_after)
        what = f"is {near}, but figures are stale after {stale}"
        yield Conflict(
            _table_location(config, "schedule").key("near_liquidation"), what, 'lower it; "2s" is the default'
        )


def _near_interval_above_normal(config: Config) -> Iterator[Conflict]:
    near = config.schedule.near_liquidation
    rest = min(config.schedule.cross, config.schedule.isolated)
    place = _table_location(config, "schedule").key("near_liquidation")
    if near > rest:
        yield Conflict(place, f"is {_span_text(near)}, slower than the reads at rest ({_span_text(rest)})", "lower it")
    elif near > MAX_NEAR_INTERVAL:
        yield Conflict(
            place, f"is {_span_text(near)}: a crash takes an account in less", 'lower it; "2s" is the default'
        )


def _liquidations_interval_too_long(config: Config) -> Iterator[Conflict]:
    every = config.schedule.liquidations
    if every > MAX_LIQUIDATIONS_INTERVAL:
        what = f"is {_span_text(every)}: a liquidation would be told so late"
        yield Conflict(_table_location(config, "schedule").key("liquidations"), what, 'lower it; "5m" is the default')


def _watches_nothing(config: Config) -> Iterator[Conflict]:
    for place, account in located_accounts(config):
        if not account.cross and not account.isolated:
            what = "watches nothing: cross = false and isolated = []"
            yield Conflict(place, what, "switch one of them on, or remove the account")


def _duplicate_key(config: Config) -> Iterator[Conflict]:
    seen: dict[tuple[str, str], str] = {}
    for place, account in located_accounts(config):
        for key in ("api_key", "action_api_key"):
            ref: SecretRef | None = getattr(account, key)
            if ref is None:
                continue
            same = (ref.kind, ref.name if ref.literal is None else ref.literal.reveal())
            if same in seen:
                mend = "leave action_api_key out, or name a key of its own" if key == "action_api_key" else ""
                yield Conflict(place.key(key), f"is the key of {seen[same]} too", mend or "name each key once")
            seen.setdefault(same, f"{place.path.partition('.')[0]}.{key}")


def _fallback_without_severities(config: Config) -> Iterator[Conflict]:
    for place, channel, fallback in _fallbacks(config):
        if not set(channel.severities) & set(fallback.severities):
            what = f'"{fallback.name}" takes nothing of what this channel is told ({", ".join(channel.severities)})'
            yield Conflict(place.key("fallback"), what, "name another channel, or widen its severities")


def _fallback_lacks_severities(config: Config) -> Iterator[Conflict]:
    for place, channel, fallback in _fallbacks(config):
        missed = [
            severity
            for severity in SEVERITIES
            if severity in channel.severities and severity not in fallback.severities
        ]
        if missed and len(missed) < len(channel.severities):
            what = f'"{fallback.name}" does not take {" and ".join(missed)} messages, which this channel is told'
            yield Conflict(place.key("fallback"), what, "widen its severities, or name another channel")


def _fallback_in_quiet_hours(config: Config) -> Iterator[Conflict]:
    for place, channel, fallback in _fallbacks(config):
        mine, theirs = build_channel_limits(channel).quiet_hours, build_channel_limits(fallback).quiet_hours
        if theirs is None or set(channel.severities) <= {"critical"}:
            continue
        day = datetime(2026, 1, 15, tzinfo=UTC)
        hours = [day + timedelta(minutes=15) * quarter for quarter in range(96)]
        if any(theirs.quiet_until(at) is not None and (mine is None or mine.quiet_until(at) is None) for at in hours):
            what = f'"{fallback.name}" has quiet hours in which this channel is told of more than what is critical'
            yield Conflict(place.key("fallback"), what, "give both the same quiet hours, or name another channel")


def _approval_without_channel(config: Config) -> Iterator[Conflict]:
    for index, action in enumerate(config.actions):
        if action.mode == "approve" and not any("critical" in channel.severities for channel in config.channels):
            what = '"approve" asks a person, and no channel takes critical messages'
            mend = 'add a channel with severities = ["critical"], or write mode = "dry-run"'
            yield Conflict(_item_location(config, "actions", index, action.name).key("mode"), what, mend)


def _data_age_below_interval(config: Config) -> Iterator[Conflict]:
    fastest = config.schedule.near_liquidation
    for index, action in enumerate(config.actions):
        if action.max_data_age < fastest:
            age = _span_text(action.max_data_age)
            what = f"is {age}, below the fastest reads ({_span_text(fastest)}): it would hardly act"
            mend = "raise it, or lower schedule.near_liquidation"
            yield Conflict(_item_location(config, "actions", index, action.name).key("max_data_age"), what, mend)


def _cooldown_too_long(config: Config) -> Iterator[Conflict]:
    for index, action in enumerate(config.actions):
        if action.cooldown > MAX_COOLDOWN:
            what = f"is {_span_text(action.cooldown)}: after one order nothing is done for so long"
            mend = 'lower it; "1m" is the default'
            yield Conflict(_item_location(config, "actions", index, action.name).key("cooldown"), what, mend)


def _for_too_long(config: Config) -> Iterator[Conflict]:
    for rule in _own_rules(config):
        longest = MAX_CRITICAL_FOR_S if rule.severity == "critical" else MAX_FOR_S
        if rule.for_s > longest:
            what = f"is {_seconds_text(rule.for_s)}: a {rule.severity} alert would come so late"
            yield Conflict(_rule_location(rule).key("for"), what, "lower it, or lower the severity")


def _repeat_out_of_range(config: Config) -> Iterator[Conflict]:
    for rule in _own_rules(config):
        if rule.repeat_s < MIN_REPEAT_S:
            what = f"is {_seconds_text(rule.repeat_s)}: the channels would be flooded"
            yield Conflict(_rule_location(rule).key("repeat"), what, "raise it to a minute or more")
        elif rule.severity == "critical" and rule.repeat_s > MAX_CRITICAL_REPEAT_S:
            what = f"is {_seconds_text(rule.repeat_s)}: a critical alert would be repeated once in so long"
            yield Conflict(_rule_location(rule).key("repeat"), what, 'lower it; "5m" is the default')


def _unmatched_account_patterns(config: Config) -> Iterator[Conflict]:
    names = [account.name for account in config.accounts]
    for rule in config.rules:
        for pattern in rule.accounts:
            if not any(fnmatchcase(name, pattern) for name in names):
                mend = suggest_nearest(pattern, names) or f"name one of {', '.join(names)}"
                yield Conflict(_rule_location(rule).key("accounts"), f'no account matches "{pattern}"', mend)


def _all_symbols_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_symbols(config):
        # Patterns of a rule that also covers other subjects leave that rule something to do.
        if len(dead) == len(rule.symbols) and set(rule.scopes) == {"isolated"}:
            what = f"match none of the watched pairs ({_watched_text(config, rule)})"
            yield Conflict(_rule_location(rule).key("symbols"), what, "correct them, or add the pair to isolated")


def _some_symbols_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_symbols(config):
        if len(dead) < len(rule.symbols) or set(rule.scopes) != {"isolated"}:
            what = f"{', '.join(dead)} match none of the watched pairs ({_watched_text(config, rule)})"
            yield Conflict(_rule_location(rule).key("symbols"), what, "correct or remove them")


def _all_assets_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_assets(config):
        if len(dead) == len(rule.assets) and set(rule.scopes) == {"asset"}:
            what = f"match no asset that can be held or owed ({_watched_text(config, rule, cross=True)})"
            yield Conflict(_rule_location(rule).key("assets"), what, "correct them: assets are written in capitals")


def _some_assets_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_assets(config):
        if len(dead) < len(rule.assets) or set(rule.scopes) != {"asset"}:
            what = (
                f"{', '.join(dead)} match no asset that can be held or owed ({_watched_text(config, rule, cross=True)})"
            )
            yield Conflict(
                _rule_location(rule).key("assets"), what, "correct or remove them: assets are written in capitals"
            )


def _unmatched_symbols(config: Config) -> Iterator[tuple[Rule, list[str]]]:
    """Rules of pairs with patterns that match no watched pair, and these patterns."""
    for rule in _own_rules(config):
        pairs = _watched_pairs(config, rule)
        dead = [pattern for pattern in rule.symbols if not _may_match(pattern, pairs)]
        if dead and "isolated" in rule.scopes and rule.symbols != MATCH_ALL:
            yield rule, dead


def _unmatched_assets(config: Config) -> Iterator[tuple[Rule, list[str]]]:
    """Rules of assets with patterns that match no asset, and these patterns.

    Where cross is not watched, only the assets of the watched pairs can match.
    """
    for rule in _own_rules(config):
        pairs = _watched_pairs(config, rule, cross=True)
        halves = None if pairs is None else {half for pair in pairs for half in _possible_assets(pair)}
        dead = [pattern for pattern in rule.assets if not _may_match(pattern, halves)]
        if dead and "asset" in rule.scopes and rule.assets != MATCH_ALL:
            yield rule, dead


def _may_match(pattern: str, known: Collection[str] | None) -> bool:
    """Return whether a pattern can match one of the names; for None, any name in capitals."""
    if known is None:
        return pattern == pattern.upper()
    return any(fnmatchcase(name, pattern) for name in known)


def _possible_assets(pair: str) -> Iterator[str]:
    """Possible names of the two assets of a pair."""
    for place in range(1, len(pair)):
        yield pair[:place]
        yield pair[place:]


def _unmatched_rule_files(config: Config) -> Iterator[Conflict]:
    for index, pattern in enumerate(config.rules_files):
        if not matching_files(pattern, config.source):
            place = Location(config.source.name, "rules_files").item(index)
            yield Conflict(place, f'"{pattern}" matches no file', "correct it, or remove it")


CONFLICT_RULES: tuple[ConflictRule, ...] = (
    ConflictRule("schedule.cross, isolated × 1.25 against stale_after", ERROR, _interval_above_stale),
    ConflictRule("schedule.near_liquidation against stale_after", ERROR, _near_interval_above_stale),
    ConflictRule("schedule.near_liquidation against cross, isolated", WARNING, _near_interval_above_normal),
    ConflictRule("schedule.liquidations against what it is for", WARNING, _liquidations_interval_too_long),
    ConflictRule("accounts.cross against isolated", ERROR, _watches_nothing),
    ConflictRule("accounts.api_key against every other key", ERROR, _duplicate_key),
    ConflictRule("channels.fallback against all of its severities", ERROR, _fallback_without_severities),
    ConflictRule("channels.fallback against some of its severities", WARNING, _fallback_lacks_severities),
    ConflictRule("channels.fallback against its quiet_hours", WARNING, _fallback_in_quiet_hours),
    ConflictRule("actions.mode approve against channels.severities", WARNING, _approval_without_channel),
    ConflictRule("actions.max_data_age against schedule.near_liquidation", WARNING, _data_age_below_interval),
    ConflictRule("actions.cooldown against what it is for", WARNING, _cooldown_too_long),
    ConflictRule("rules.for against severity", WARNING, _for_too_long),
    ConflictRule("rules.repeat against severity", WARNING, _repeat_out_of_range),
    ConflictRule("rules.accounts against accounts", ERROR, _unmatched_account_patterns),
    ConflictRule("rules.symbols against accounts.isolated", ERROR, _all_symbols_unmatched),
    ConflictRule("one of rules.symbols against accounts.isolated", WARNING, _some_symbols_unmatched),
    ConflictRule("rules.assets against what can be held", ERROR, _all_assets_unmatched),
    ConflictRule("one of rules.assets against what can be held", WARNING, _some_assets_unmatched),
    ConflictRule("rules_files against the files there are", WARNING, _unmatched_rule_files),
)
"""Every conflict rule; a test walks each."""


def located_accounts(config: Config) -> Iterator[tuple[Location, AccountConfig]]:
    """Each account with its location."""
    for index, account in enumerate(config.accounts):
        yield _item_location(config, "accounts", index, account.name), account


def _fallbacks(config: Config) -> Iterator[tuple[Location, ChannelConfig, ChannelConfig]]:
    named = {channel.name: channel for channel in config.channels}
    for index, channel in enumerate(config.channels):
        if channel.fallback is not None and channel.fallback in named:
            yield _item_location(config, "channels", index, channel.name), channel, named[channel.fallback]


def _own_rules(config: Config) -> Iterator[Rule]:
    return (rule for rule in config.rules if not rule.is_shipped)


def _watched_pairs(config: Config, rule: Rule, *, cross: bool = False) -> tuple[str, ...] | None:
    """The pairs that the accounts of a rule watch; None where one watches every listed pair, or with `cross`."""
    mine = [a for a in config.accounts if any(fnmatchcase(a.name, pattern) for pattern in rule.accounts)]
    if any(account.isolated == "all" or (cross and account.cross) for account in mine):
        return None
    return tuple(dict.fromkeys(pair for account in mine for pair in account.isolated))


def _watched_text(config: Config, rule: Rule, *, cross: bool = False) -> str:
    pairs = _watched_pairs(config, rule, cross=cross)
    return "all that there are" if pairs is None else ", ".join(pairs) or "none"


def _table_location(config: Config, table: str) -> Location:
    return Location(config.source.name, table)


def _item_location(config: Config, table: str, index: int, name: str) -> Location:
    return _table_location(config, table).item(index, name)


def _rule_location(rule: Rule) -> Location:
    file, _, path = rule.where.partition(": ")
    return Location(file, path)


def _span_text(span: timedelta) -> str:
    return format_duration(span)


def _seconds_text(seconds: Decimal) -> str:
    return format_duration(from_seconds(seconds))
