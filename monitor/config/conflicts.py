"""Keys of a configuration against each other: what loads and can't work, in one table.

`ERROR`: it can never work, the configuration is refused. `WARNING`: `check` and `rules lint` name it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal

from monitor.config.errors import Mistakes, Place, nearest
from monitor.config.model import Config
from monitor.config.policies import restraint_of
from monitor.config.rule_files import files_of
from monitor.config.schema import Account, Channel
from monitor.config.secrets import SecretRef
from monitor.core.model.alert import SEVERITIES
from monitor.core.numbers.durations import format_duration, from_seconds
from monitor.core.rules.rule import Rule
from monitor.core.rules.rule_table import ANY

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"

AT_REST = (5, 4)
"""How much longer the interval of a read gets while everything that it shows is safe."""

LONGEST_NEAR = timedelta(seconds=30)
LONGEST_LIQUIDATIONS = timedelta(hours=1)
LONGEST_COOLDOWN = timedelta(hours=6)
LONGEST_FOR_S, LONGEST_CRITICAL_FOR_S = Decimal(86_400), Decimal(600)
LEAST_REPEAT_S, LONGEST_CRITICAL_REPEAT_S = Decimal(10), Decimal(21_600)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two keys that can't both have their way: where, what is wrong, the mend."""

    place: Place
    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Relation:
    """One key against another. `find` yields every place of a configuration in which they are in conflict."""

    name: str
    result: Literal["warning", "error"]
    find: Callable[[Config], Iterator[Conflict]]


def refuse_conflicts(config: Config) -> None:
    """Raise ConfigError, with all others in its `others`, where a configuration can never work."""
    mistakes = Mistakes()
    for conflict in conflicts(config, ERROR):
        mistakes.add(conflict.place, conflict.what, conflict.mend)
    mistakes.refuse()


def conflicts(config: Config, result: Literal["warning", "error"]) -> Iterator[Conflict]:
    """Every conflict of this kind, in the order of the table."""
    for relation in RELATIONS:
        if relation.result == result:
            yield from relation.find(config)


def _slower_than_stale(config: Config) -> Iterator[Conflict]:
    schedule = config.schedule
    watched = {"cross": any(a.cross for a in config.accounts), "isolated": any(a.isolated for a in config.accounts)}
    for key in (name for name, is_watched in watched.items() if is_watched):
        every: timedelta = getattr(schedule, key)
        longest = every * AT_REST[0] / AT_REST[1]
        if longest >= schedule.stale_after:
            stale = _said(schedule.stale_after)
            what = f"is {_said(every)}, at rest {_said(longest)}, but figures are stale after {stale}"
            yield Conflict(_at(config, "schedule").key(key), what, "lower it, or raise stale_after above that")


def _danger_slower_than_stale(config: Config) -> Iterator[Conflict]:
    schedule = config.schedule
    if schedule.near_liquidation >= schedule.stale_after:
        what = f"is {_said(schedule.near_liquidation)}, but figures are stale after {_said(schedule.stale_after)}"
        yield Conflict(_at(config, "schedule").key("near_liquidation"), what, 'lower it; "2s" is the default')


def _danger_slower_than_rest(config: Config) -> Iterator[Conflict]:
    near = config.schedule.near_liquidation
    rest = min(config.schedule.cross, config.schedule.isolated)
    place = _at(config, "schedule").key("near_liquidation")
    if near > rest:
        yield Conflict(place, f"is {_said(near)}, slower than the reads at rest ({_said(rest)})", "lower it")
    elif near > LONGEST_NEAR:
        yield Conflict(place, f"is {_said(near)}: a crash takes an account in less", 'lower it; "2s" is the default')


def _liquidations_too_seldom(config: Config) -> Iterator[Conflict]:
    every = config.schedule.liquidations
    if every > LONGEST_LIQUIDATIONS:
        what = f"is {_said(every)}: a liquidation would be told so late"
        yield Conflict(_at(config, "schedule").key("liquidations"), what, 'lower it; "5m" is the default')


def _watches_nothing(config: Config) -> Iterator[Conflict]:
    for place, account in accounts_of(config):
        if not account.cross and not account.isolated:
            what = "watches nothing: cross = false and isolated = []"
            yield Conflict(place, what, "switch one of them on, or remove the account")


def _one_key_twice(config: Config) -> Iterator[Conflict]:
    seen: dict[tuple[str, str], str] = {}
    for place, account in accounts_of(config):
        for key in ("api_key", "action_api_key"):
            ref: SecretRef | None = getattr(account, key)
            if ref is None:
                continue
            same = (ref.kind, ref.name if ref.literal is None else ref.literal.reveal())
            if same in seen:
                mend = "leave action_api_key out, or name a key of its own" if key == "action_api_key" else ""
                yield Conflict(place.key(key), f"is the key of {seen[same]} too", mend or "name each key once")
            seen.setdefault(same, f"{place.path.partition('.')[0]}.{key}")


def _deaf_fallback(config: Config) -> Iterator[Conflict]:
    for place, channel, fallback in _fallbacks(config):
        if not set(channel.severities) & set(fallback.severities):
            what = f'"{fallback.name}" takes nothing of what this channel is told ({", ".join(channel.severities)})'
            yield Conflict(place.key("fallback"), what, "name another channel, or widen its severities")


def _half_deaf_fallback(config: Config) -> Iterator[Conflict]:
    for place, channel, fallback in _fallbacks(config):
        missed = [each for each in SEVERITIES if each in channel.severities and each not in fallback.severities]
        if missed and len(missed) < len(channel.severities):
            what = f'"{fallback.name}" does not take {" and ".join(missed)} messages, which this channel is told'
            yield Conflict(place.key("fallback"), what, "widen its severities, or name another channel")


def _sleeping_fallback(config: Config) -> Iterator[Conflict]:
    for place, channel, fallback in _fallbacks(config):
        mine, theirs = restraint_of(channel).quiet, restraint_of(fallback).quiet
        if theirs is None or set(channel.severities) <= {"critical"}:
            continue
        day = datetime(2026, 1, 15, tzinfo=UTC)
        hours = [day + timedelta(minutes=15) * quarter for quarter in range(96)]
        if any(theirs.until(at) is not None and (mine is None or mine.until(at) is None) for at in hours):
            what = f'"{fallback.name}" has quiet hours in which this channel is told of more than what is critical'
            yield Conflict(place.key("fallback"), what, "give both the same quiet hours, or name another channel")


def _unasked_approval(config: Config) -> Iterator[Conflict]:
    for index, action in enumerate(config.actions):
        if action.mode == "approve" and not any("critical" in each.severities for each in config.channels):
            what = '"approve" asks a person, and no channel takes critical messages'
            mend = 'add a channel with severities = ["critical"], or write mode = "dry-run"'
            yield Conflict(_item(config, "actions", index, action.name).key("mode"), what, mend)


def _figures_never_fresh(config: Config) -> Iterator[Conflict]:
    fastest = config.schedule.near_liquidation
    for index, action in enumerate(config.actions):
        if action.max_data_age < fastest:
            what = f"is {_said(action.max_data_age)}, below the fastest reads ({_said(fastest)}): it would hardly act"
            mend = "raise it, or lower schedule.near_liquidation"
            yield Conflict(_item(config, "actions", index, action.name).key("max_data_age"), what, mend)


def _long_cooldown(config: Config) -> Iterator[Conflict]:
    for index, action in enumerate(config.actions):
        if action.cooldown > LONGEST_COOLDOWN:
            what = f"is {_said(action.cooldown)}: after one order nothing is done for so long"
            mend = 'lower it; "1m" is the default'
            yield Conflict(_item(config, "actions", index, action.name).key("cooldown"), what, mend)


def _late_rule(config: Config) -> Iterator[Conflict]:
    for rule in _own(config):
        longest = LONGEST_CRITICAL_FOR_S if rule.severity == "critical" else LONGEST_FOR_S
        if rule.for_s > longest:
            what = f"is {_seconds(rule.for_s)}: a {rule.severity} alert would come so late"
            yield Conflict(_of(rule).key("for"), what, "lower it, or lower the severity")


def _odd_repeat(config: Config) -> Iterator[Conflict]:
    for rule in _own(config):
        if rule.repeat_s < LEAST_REPEAT_S:
            what = f"is {_seconds(rule.repeat_s)}: the channels would be flooded"
            yield Conflict(_of(rule).key("repeat"), what, "raise it to a minute or more")
        elif rule.severity == "critical" and rule.repeat_s > LONGEST_CRITICAL_REPEAT_S:
            what = f"is {_seconds(rule.repeat_s)}: a critical alert would be repeated once in so long"
            yield Conflict(_of(rule).key("repeat"), what, 'lower it; "5m" is the default')


def _nobodys_accounts(config: Config) -> Iterator[Conflict]:
    names = [account.name for account in config.accounts]
    for rule in config.rules:
        for pattern in rule.accounts:
            if not any(fnmatchcase(name, pattern) for name in names):
                near = nearest(pattern, names)
                mend = f'did you mean "{near}"?' if near else f"name one of {', '.join(names)}"
                yield Conflict(_of(rule).key("accounts"), f'no account matches "{pattern}"', mend)


def _symbols_of_nobody(config: Config) -> Iterator[Conflict]:
    for rule, dead in _dead_symbols(config):
        # Those of a rule that looks elsewhere too leave it something to do.
        if len(dead) == len(rule.symbols) and set(rule.scopes) == {"isolated"}:
            what = f"match none of the watched pairs ({_watched(config, rule)})"
            yield Conflict(_of(rule).key("symbols"), what, "correct them, or add the pair to isolated")


def _symbol_of_nobody(config: Config) -> Iterator[Conflict]:
    for rule, dead in _dead_symbols(config):
        if len(dead) < len(rule.symbols) or set(rule.scopes) != {"isolated"}:
            what = f"{', '.join(dead)} match none of the watched pairs ({_watched(config, rule)})"
            yield Conflict(_of(rule).key("symbols"), what, "correct or remove them")


def _assets_of_nobody(config: Config) -> Iterator[Conflict]:
    for rule, dead in _dead_assets(config):
        if len(dead) == len(rule.assets) and set(rule.scopes) == {"asset"}:
            what = f"match no asset that can be held or owed ({_watched(config, rule, cross=True)})"
            yield Conflict(_of(rule).key("assets"), what, "correct them: assets are written in capitals")


def _asset_of_nobody(config: Config) -> Iterator[Conflict]:
    for rule, dead in _dead_assets(config):
        if len(dead) < len(rule.assets) or set(rule.scopes) != {"asset"}:
            what = f"{', '.join(dead)} match no asset that can be held or owed ({_watched(config, rule, cross=True)})"
            yield Conflict(_of(rule).key("assets"), what, "correct or remove them: assets are written in capitals")


def _dead_symbols(config: Config) -> Iterator[tuple[Rule, list[str]]]:
    """The rules of pairs some of whose patterns can match none, and these patterns."""
    for rule in _own(config):
        pairs = _pairs(config, rule)
        dead = [each for each in rule.symbols if not _may_match(each, pairs)]
        if dead and "isolated" in rule.scopes and rule.symbols != ANY:
            yield rule, dead


def _dead_assets(config: Config) -> Iterator[tuple[Rule, list[str]]]:
    """The same of assets: where cross is not watched, those of the pairs are all that there can be."""
    for rule in _own(config):
        pairs = _pairs(config, rule, cross=True)
        halves = None if pairs is None else {half for pair in pairs for half in _halves(pair)}
        dead = [each for each in rule.assets if not _may_match(each, halves)]
        if dead and "asset" in rule.scopes and rule.assets != ANY:
            yield rule, dead


def _may_match(pattern: str, known: Collection[str] | None) -> bool:
    """Whether a pattern can match one of the names; None: any that is written in capitals."""
    if known is None:
        return pattern == pattern.upper()
    return any(fnmatchcase(name, pattern) for name in known)


def _halves(pair: str) -> Iterator[str]:
    """Whatever the two assets of a pair may be called."""
    for place in range(1, len(pair)):
        yield pair[:place]
        yield pair[place:]


def _files_of_nothing(config: Config) -> Iterator[Conflict]:
    for index, pattern in enumerate(config.rules_files):
        if not files_of(pattern, config.source):
            place = Place(config.source.name, "rules_files").item(index)
            yield Conflict(place, f'"{pattern}" matches no file', "correct it, or remove it")


RELATIONS: tuple[Relation, ...] = (
    Relation("schedule.cross, isolated × 1.25 against stale_after", ERROR, _slower_than_stale),
    Relation("schedule.near_liquidation against stale_after", ERROR, _danger_slower_than_stale),
    Relation("schedule.near_liquidation against cross, isolated", WARNING, _danger_slower_than_rest),
    Relation("schedule.liquidations against what it is for", WARNING, _liquidations_too_seldom),
    Relation("accounts.cross against isolated", ERROR, _watches_nothing),
    Relation("accounts.api_key against every other key", ERROR, _one_key_twice),
    Relation("channels.fallback against all of its severities", ERROR, _deaf_fallback),
    Relation("channels.fallback against some of its severities", WARNING, _half_deaf_fallback),
    Relation("channels.fallback against its quiet_hours", WARNING, _sleeping_fallback),
    Relation("actions.mode approve against channels.severities", WARNING, _unasked_approval),
    Relation("actions.max_data_age against schedule.near_liquidation", WARNING, _figures_never_fresh),
    Relation("actions.cooldown against what it is for", WARNING, _long_cooldown),
    Relation("rules.for against severity", WARNING, _late_rule),
    Relation("rules.repeat against severity", WARNING, _odd_repeat),
    Relation("rules.accounts against accounts", ERROR, _nobodys_accounts),
    Relation("rules.symbols against accounts.isolated", ERROR, _symbols_of_nobody),
    Relation("one of rules.symbols against accounts.isolated", WARNING, _symbol_of_nobody),
    Relation("rules.assets against what can be held", ERROR, _assets_of_nobody),
    Relation("one of rules.assets against what can be held", WARNING, _asset_of_nobody),
    Relation("rules_files against the files there are", WARNING, _files_of_nothing),
)
"""Every relation, each walked by a test."""


def accounts_of(config: Config) -> Iterator[tuple[Place, Account]]:
    """Each account with its place."""
    for index, account in enumerate(config.accounts):
        yield _item(config, "accounts", index, account.name), account


def _fallbacks(config: Config) -> Iterator[tuple[Place, Channel, Channel]]:
    named = {channel.name: channel for channel in config.channels}
    for index, channel in enumerate(config.channels):
        if channel.fallback is not None and channel.fallback in named:
            yield _item(config, "channels", index, channel.name), channel, named[channel.fallback]


def _own(config: Config) -> Iterator[Rule]:
    return (rule for rule in config.rules if not rule.is_shipped)


def _pairs(config: Config, rule: Rule, *, cross: bool = False) -> tuple[str, ...] | None:
    """The pairs that the accounts of a rule watch; None where one watches all that the exchange lists, or `cross`."""
    mine = [a for a in config.accounts if any(fnmatchcase(a.name, pattern) for pattern in rule.accounts)]
    if any(account.isolated == "all" or (cross and account.cross) for account in mine):
        return None
    return tuple(dict.fromkeys(pair for account in mine for pair in account.isolated))


def _watched(config: Config, rule: Rule, *, cross: bool = False) -> str:
    pairs = _pairs(config, rule, cross=cross)
    return "all that there are" if pairs is None else ", ".join(pairs) or "none"


def _at(config: Config, table: str) -> Place:
    return Place(config.source.name, table)


def _item(config: Config, table: str, index: int, name: str) -> Place:
    return _at(config, table).item(index, name)


def _of(rule: Rule) -> Place:
    file, _, path = rule.where.partition(": ")
    return Place(file, path)


def _said(span: timedelta) -> str:
    return format_duration(span)


def _seconds(seconds: Decimal) -> str:
    return format_duration(from_seconds(seconds))
