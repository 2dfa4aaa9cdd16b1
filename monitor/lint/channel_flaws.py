"""Flaws in being told: critical rules that ring nowhere, channels without a stand-in, blindness, no heartbeat."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from monitor.core.model.account import Bars
from monitor.core.rules.rule import Rule
from monitor.lint.flaws import CROSS_BARS, Ear, Flaw, Setup
from monitor.lint.sample_states import holds, worlds

SILENT_KINDS = frozenset(
    {"mailto", "mailtos", "syslog", "rsyslog", "dbus", "qt", "kde", "glib", "gnome", "macosx", "windows"}
)
"""Kinds of channels, as their addresses begin, that wake nobody: mail, logs, and messages on a desktop."""


def ear_flaws(setup: Setup) -> Iterator[Flaw]:
    """What stands between an alert and a person."""
    yield from _silent(setup)
    for ear in setup.ears:
        if ear.fallback is None:
            detail = f'channel "{ear.name}" has no fallback: when it fails, nobody stands in'
            yield Flaw("no-fallback", "warning", detail, 'write fallback = "…", the name of another channel')
    for each in setup.watched:
        if not any(_sees_blindness(rule, each.account) for rule in setup.rules):
            detail = f"no rule tells when {each.account} can't be read any more (data_age)"
            mend = "set default_rules = true, or write a rule of scope monitor on data_age"
            yield Flaw("no-blindness-rule", "warning", detail, mend)
    if not setup.has_heartbeat:
        detail = "there is no heartbeat: nobody learns that this program or its machine is gone"
        yield Flaw("no-heartbeat", "warning", detail, "set [heartbeat] url to a dead man's switch elsewhere")


def _silent(setup: Setup) -> Iterator[Flaw]:
    """A flaw for each critical rule that names its channels; one for all that tell every channel."""
    ears = {ear.name: ear for ear in setup.ears}
    critical = [rule for rule in setup.rules if rule.severity == "critical"]
    everywhere = [rule for rule in critical if rule.channels is None]
    if everywhere and not any(_rings(ear) for ear in setup.ears):
        if setup.ears:
            detail = f"no channel rings at night for critical alerts ({_names(setup.ears)}): {len(everywhere)} rules"
        else:
            detail = f"there is no channel: {len(everywhere)} critical rules ring nowhere, by day or night"
        mend = "add a channel that takes critical alerts and wakes somebody, such as a push service"
        yield Flaw("silent-at-night", "warning", detail, mend)
    for rule in critical:
        named = [ears[name] for name in _all_named(rule) if name in ears]
        if rule.channels is not None and not any(_rings(ear) for ear in named):
            detail = f"it is critical and has no channel that rings at night ({_names(named) or 'none'})"
            mend = "name a channel that takes critical alerts and wakes somebody, or leave `channels` out"
            yield Flaw("silent-at-night", "warning", detail, mend, rule.name)


def _all_named(rule: Rule) -> tuple[str, ...]:
    return (*(rule.channels or ()), *(name for step in rule.escalate for name in step.channels))


def _rings(ear: Ear) -> bool:
    return ear.rings and "critical" in ear.severities


def _names(ears: tuple[Ear, ...] | list[Ear]) -> str:
    return ", ".join(ear.name for ear in ears)


def _sees_blindness(rule: Rule, account: str) -> bool:
    bars: Bars = CROSS_BARS[0]
    return (
        "monitor" in rule.scopes
        and "data_age" in rule.when.names
        and rule.severity != "info"
        and any(fnmatchcase(account, pattern) for pattern in rule.accounts)
        and any(holds(rule.when, world) for world in worlds([rule.when], bars))
    )
