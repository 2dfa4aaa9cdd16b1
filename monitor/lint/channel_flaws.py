"""Flaws of notification: critical rules that wake nobody, no fallback, no stale-data rule, no heartbeat."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from monitor.core.model.account import Thresholds
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import CROSS_THRESHOLDS, ChannelInfo, Flaw, LintInput
from monitor.lint.sample_states import is_condition_met, sample_states

SILENT_KINDS = frozenset(
    {"mailto", "mailtos", "syslog", "rsyslog", "dbus", "qt", "kde", "glib", "gnome", "macosx", "windows"}
)
"""URL schemes of channels that wake nobody: mail, logs and desktop messages."""


def channel_flaws(lint_input: LintInput) -> Iterator[Flaw]:
    """Yield the flaws that keep an alert from reaching a person."""
    yield from _silent_rules(lint_input)
    for channel in lint_input.channels:
        if channel.fallback is None:
            detail = f'channel "{channel.name}" has no fallback: when it fails, nobody stands in'
            yield Flaw("no-fallback", "warning", detail, 'write fallback = "…", the name of another channel')
    for account in lint_input.accounts:
        if not any(_detects_stale_data(rule, account.account) for rule in lint_input.rules):
            detail = f"no rule tells when {account.account} can't be read any more (data_age)"
            mend = "set default_rules = true, or write a rule of scope monitor on data_age"
            yield Flaw("no-blindness-rule", "warning", detail, mend)
    if not lint_input.has_heartbeat:
        detail = "there is no heartbeat: nobody learns that this program or its machine is gone"
        yield Flaw("no-heartbeat", "warning", detail, "set [heartbeat] url to a dead man's switch elsewhere")


def _silent_rules(lint_input: LintInput) -> Iterator[Flaw]:
    """Yield a flaw for each critical rule whose named channels wake nobody, and one for all that use every channel."""
    channels = {channel.name: channel for channel in lint_input.channels}
    critical = [rule for rule in lint_input.rules if rule.severity == "critical"]
    everywhere = [rule for rule in critical if rule.channels is None]
    if everywhere and not any(_wakes(channel) for channel in lint_input.channels):
        if lint_input.channels:
            names = _names(lint_input.channels)
            detail = f"no channel rings at night for critical alerts ({names}): {len(everywhere)} rules"
        else:
            detail = f"there is no channel: {len(everywhere)} critical rules ring nowhere, by day or night"
        mend = "add a channel that takes critical alerts and wakes somebody, such as a push service"
        yield Flaw("silent-at-night", "warning", detail, mend)
    for rule in critical:
        named = [channels[name] for name in _named_channels(rule) if name in channels]
        if rule.channels is not None and not any(_wakes(channel) for channel in named):
            detail = f"it is critical and has no channel that rings at night ({_names(named) or 'none'})"
            mend = "name a channel that takes critical alerts and wakes somebody, or leave `channels` out"
            yield Flaw("silent-at-night", "warning", detail, mend, rule.name)


def _named_channels(rule: Rule) -> tuple[str, ...]:
    return (*(rule.channels or ()), *(name for step in rule.escalate for name in step.channels))


def _wakes(channel: ChannelInfo) -> bool:
    return channel.wakes and "critical" in channel.severities


def _names(channels: tuple[ChannelInfo, ...] | list[ChannelInfo]) -> str:
    return ", ".join(channel.name for channel in channels)


def _detects_stale_data(rule: Rule, account: str) -> bool:
    thresholds: Thresholds = CROSS_THRESHOLDS[0]
    return (
        "monitor" in rule.scopes
        and "data_age" in rule.when.metric_names
        and rule.severity != "info"
        and any(fnmatchcase(account, pattern) for pattern in rule.accounts)
        and any(is_condition_met(rule.when, sample) for sample in sample_states([rule.when], thresholds))
    )
