"""Notices about silences that end while an alert under them still fires."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from monitor.config.rules.rule_files import parse_rules
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.alerting.silence_notices import MAX_NAMED_ALERTS, SilenceNotices, silence_notices
from monitor.core.model.alert import Alert, AlertKey, AlertState, Silence, SilenceMatcher
from monitor.core.model.events import CommandsRead
from tests.support.examples.store_rows import NOW, alert, at

RULES = {
    rule.name: rule
    for rule in parse_rules(
        (
            {"name": "near-call", "scope": "cross", "when": "margin_level < 1.3", "channels": ["phone"]},
            {"name": "thin", "scope": "isolated", "when": "margin_level < 1.5", "channels": ["mail", "phone"]},
        ),
        "test.toml",
    )
}
ROUTING = ChannelRouting(("phone", "mail", "night"))
SILENCE = Silence(
    3, (SilenceMatcher("rule", "=~", "near.*"),), at(-7200), at(3600), "anna", "it's known", include_critical=True
)
OVER = replace(SILENCE, ends_at=at(-1))


def firing(number: int = 17, **changes: Any) -> Alert:
    return replace(alert(number), **{"silenced_by": 3, "kept_quiet_by": 3, **changes})


def thin(number: int, symbol: str, **changes: Any) -> Alert:
    key = AlertKey("thin", "main", "isolated", symbol)
    return firing(number, key=key, severity="warning", **changes)


def notices_of(
    *alerts: Alert, silences: tuple[Silence, ...] = (SILENCE,), ended: tuple[Silence, ...] = ()
) -> SilenceNotices:
    commands = CommandsRead(silences=silences, ended_silences=ended)
    return silence_notices({each.key: each for each in alerts}, commands, RULES, ROUTING, NOW)


def with_updates(found: SilenceNotices, *alerts: Alert) -> list[Alert]:
    return [found.alerts.get(each.key, each) for each in alerts]


def test_end_of_a_silence_is_notified_once_on_the_channels_of_its_alerts() -> None:
    alerts = firing(silenced_by=None), thin(18, "BTCUSDT", silenced_by=None)
    found = notices_of(*alerts, silences=(OVER,))
    (notice,) = found.notices
    assert notice.text == (
        'main: silence 3 by anna ("it\'s known") has ended. Still firing: near-call cross (#17), thin BTCUSDT (#18)'
    )
    assert (notice.channels, notice.severity, notice.at) == (("phone", "mail"), "critical", NOW)
    assert notices_of(*with_updates(found, *alerts), silences=(OVER,)) == SilenceNotices({}, ())


def test_lifted_silence_is_notified_as_well() -> None:
    found = notices_of(firing(silenced_by=None), silences=(), ended=(OVER,))
    assert [notice.text.partition(". ")[0] for notice in found.notices] == [
        'main: silence 3 by anna ("it\'s known") has ended'
    ]


def test_silence_of_which_nothing_is_known_is_no_end() -> None:
    found = notices_of(firing(silenced_by=None), silences=())
    assert found.notices == ()
    assert [each.kept_quiet_by for each in found.alerts.values()] == [None]


def test_alert_that_its_silence_spares_now_is_no_end() -> None:
    assert notices_of(firing(silenced_by=None)).notices == ()


def test_alert_that_is_acknowledged_inhibited_or_over_stays_quiet() -> None:
    for quiet in (
        {"acked_at": NOW, "acked_by": "bob"},
        {"inhibited_by": 9},
        {"state": AlertState.RESOLVED},
        {"state": AlertState.PENDING},
    ):
        assert notices_of(firing(silenced_by=None, **quiet), silences=(OVER,)).notices == ()
        soon = replace(SILENCE, ends_at=at(500))
        assert notices_of(firing(**quiet), silences=(soon,)).notices == ()


def test_alert_under_another_silence_is_notified_when_that_one_ends() -> None:
    other = replace(SILENCE, id=4, author="bob")
    alert_then = firing(silenced_by=4)
    found = notices_of(alert_then, silences=(OVER, other))
    assert found.notices == ()
    (alert_now,) = with_updates(found, alert_then)
    over = replace(other, ends_at=NOW)
    (notice,) = notices_of(replace(alert_now, silenced_by=None), silences=(OVER, over)).notices
    assert "silence 4 by bob" in notice.text


def test_coming_end_is_notified_once_with_the_command_that_extends_the_silence() -> None:
    soon = replace(SILENCE, ends_at=at(600))
    found = notices_of(firing(), silences=(soon,))
    (notice,) = found.notices
    assert notice.text == (
        'main: silence 3 by anna ("it\'s known") ends in 10m, at 21:10 UTC. It keeps quiet what still fires: '
        "near-call cross (#17). To extend it: `margin-monitor silence add 'rule=~near.*' --duration 2h "
        "--comment 'it'\"'\"'s known' --include-critical`"
    )
    assert notice.channels == ("phone",)
    alerts = *with_updates(found, firing()), thin(18, "BTCUSDT")
    # An alert that joins in the last minutes makes no second notice.
    later = notices_of(*alerts, silences=(soon,))
    assert later.notices == ()
    assert notices_of(*with_updates(later, *alerts), silences=(soon,)) == SilenceNotices({}, ())


def test_coming_end_goes_to_the_channel_that_the_silence_came_from() -> None:
    soon = replace(SILENCE, ends_at=at(300), channel="night")
    assert [notice.channels for notice in notices_of(firing(), silences=(soon,)).notices] == [("night",)]
    removed = replace(soon, channel="gone")
    assert [notice.channels for notice in notices_of(firing(), silences=(removed,)).notices] == [("phone",)]
    # Its end concerns everybody who is notified of the alerts.
    ended: Mapping[str, Any] = {"silences": (replace(soon, ends_at=NOW),)}
    assert [notice.channels for notice in notices_of(firing(silenced_by=None), **ended).notices] == [("phone",)]


def test_short_silence_and_distant_end_are_not_announced() -> None:
    short = replace(SILENCE, starts_at=at(-600), ends_at=at(300))
    assert notices_of(firing(), silences=(short,)).notices == ()
    assert notices_of(firing(), silences=(replace(SILENCE, ends_at=at(601)),)).notices == ()
    two_spans = replace(SILENCE, starts_at=at(-900), ends_at=at(300))
    assert len(notices_of(firing(), silences=(two_spans,)).notices) == 1


def test_each_of_two_silences_has_its_own_notice() -> None:
    first, second = replace(SILENCE, ends_at=at(60)), replace(SILENCE, id=4, ends_at=at(120))
    alerts = firing(), thin(18, "BTCUSDT", silenced_by=4)
    texts = [notice.text for notice in notices_of(*alerts, silences=(first, second)).notices]
    assert [text.partition(" by ")[0] for text in texts] == ["main: silence 3", "main: silence 4"]


def test_long_list_of_alerts_is_cut() -> None:
    alerts = [thin(100 + number, f"A{number}USDT", silenced_by=None) for number in range(MAX_NAMED_ALERTS + 2)]
    (notice,) = notices_of(*alerts, silences=(OVER,)).notices
    assert notice.text.count("(#") == MAX_NAMED_ALERTS
    assert notice.text.endswith(", and 2 more")


def test_without_channels_there_is_no_notice() -> None:
    commands = CommandsRead(silences=(OVER,))
    rules = {"near-call": replace(RULES["near-call"], channels=None)}
    quiet = firing(silenced_by=None)
    found = silence_notices({quiet.key: quiet}, commands, rules, ChannelRouting(), NOW + timedelta(seconds=1))
    assert found.notices == ()
