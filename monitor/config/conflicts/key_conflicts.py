"""Conflicts between keys that are each valid: one table of rules.

`ERROR`: the combination can never work, the configuration is refused. `WARNING`: `check` and `rules lint` report it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from monitor.config.conflicts.conflict import (
    ERROR,
    WARNING,
    Conflict,
    ConflictRule,
    item_location,
    located_accounts,
    table_location,
)
from monitor.config.conflicts.rule_conflicts import RULE_CONFLICTS
from monitor.config.errors import ErrorList, Location
from monitor.config.model import Config
from monitor.config.schema import ChannelConfig
from monitor.config.secrets import SecretRef
from monitor.core.model.alert import SEVERITIES
from monitor.core.numbers.durations import format_duration

RELAXED_INTERVAL_RATIO = (5, 4)
"""How much longer the interval of a read gets while every scope that it covers is safe."""

MAX_NEAR_INTERVAL = timedelta(seconds=30)
MAX_LIQUIDATIONS_INTERVAL = timedelta(hours=1)
MAX_COOLDOWN = timedelta(hours=6)


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
                table_location(config, "schedule").key(key), what, "lower it, or raise stale_after above that"
            )


def _near_interval_above_stale(config: Config) -> Iterator[Conflict]:
    schedule = config.schedule
    if schedule.near_liquidation >= schedule.stale_after:
        near, stale = _span_text(schedule.near_liquidation), _span_text(schedule.stale_after)
        what = f"is {near}, but figures are stale after {stale}"
        yield Conflict(
            table_location(config, "schedule").key("near_liquidation"), what, 'lower it; "2s" is the default'
        )


def _near_interval_above_normal(config: Config) -> Iterator[Conflict]:
    near = config.schedule.near_liquidation
    rest = min(config.schedule.cross, config.schedule.isolated)
    place = table_location(config, "schedule").key("near_liquidation")
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
        yield Conflict(table_location(config, "schedule").key("liquidations"), what, 'lower it; "5m" is the default')


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
        # Loaded when there is a fallback: with it comes the whole engine, and every command reads the configuration.
        from monitor.config.policies import build_channel_limits

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
            yield Conflict(item_location(config, "actions", index, action.name).key("mode"), what, mend)


def _data_age_below_interval(config: Config) -> Iterator[Conflict]:
    fastest = config.schedule.near_liquidation
    for index, action in enumerate(config.actions):
        if action.max_data_age < fastest:
            age = _span_text(action.max_data_age)
            what = f"is {age}, below the fastest reads ({_span_text(fastest)}): it would hardly act"
            mend = "raise it, or lower schedule.near_liquidation"
            yield Conflict(item_location(config, "actions", index, action.name).key("max_data_age"), what, mend)


def _cooldown_too_long(config: Config) -> Iterator[Conflict]:
    for index, action in enumerate(config.actions):
        if action.cooldown > MAX_COOLDOWN:
            what = f"is {_span_text(action.cooldown)}: after one order nothing is done for so long"
            mend = 'lower it; "1m" is the default'
            yield Conflict(item_location(config, "actions", index, action.name).key("cooldown"), what, mend)


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
    *RULE_CONFLICTS,
)
"""Every conflict rule; a test walks each."""


def _fallbacks(config: Config) -> Iterator[tuple[Location, ChannelConfig, ChannelConfig]]:
    named = {channel.name: channel for channel in config.channels}
    for index, channel in enumerate(config.channels):
        if channel.fallback is not None and channel.fallback in named:
            yield item_location(config, "channels", index, channel.name), channel, named[channel.fallback]


def _span_text(span: timedelta) -> str:
    return format_duration(span)
