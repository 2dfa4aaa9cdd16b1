"""Critical conditions that stay unknown while the account is read are counted, named, and no good news."""

from dataclasses import replace
from datetime import timedelta

from monitor.core.alerting.evaluation import OPEN
from monitor.core.engine.health import Watched, ailments
from monitor.core.metrics.snapshot import Sight, Subject, figures_of
from monitor.core.metrics.unknown_conditions import lasting
from monitor.core.model.account import IsolatedSnapshot
from monitor.core.model.events import CrossRead, IsolatedRead, KeyRead, Tick
from monitor.core.model.metric import Missing
from monitor.core.rules.rule import parse_rules
from monitor.core.state.account_state import AccountState
from monitor.view.documents.account import account_document
from tests.core.engine.test_step import KEY, Story
from tests.support.examples.accounts import SETTINGS, after, cross

RULES = parse_rules(
    [
        {"name": "liquidated", "scope": "account", "when": "liquidations_24h > 0", "severity": "critical"},
        {"name": "mild", "scope": "account", "when": "liquidation_loan_usdt > 0", "severity": "warning"},
        {
            "name": "fast",
            "scope": "cross",
            "when": "margin_level + 2 * margin_level_change_5m <= liquidation_level",
            "severity": "critical",
        },
        {"name": "conditions-unknown", "scope": "monitor", "when": "conditions_unknown > 0", "severity": "critical"},
    ],
    "rules.toml",
)


def watching(seconds: int, *, read: bool = True) -> Story:
    """The account, read (or not) every ten seconds and looked at each second; of liquidations nothing is known."""
    story = Story(rules=RULES)
    story.state = replace(story.state, key_accepted=True)
    story.tell(KeyRead(True, KEY, after(0)), 0)
    for second in range(seconds + 1):
        if second % 10 == 0 and (read or not second):
            story.tell(CrossRead(cross(after(second))), second)
            story.tell(IsolatedRead(IsolatedSnapshot(after(second), after(second), {})), second)
        story.tell(Tick(), second)
    return story


def counted(state: AccountState, second: int) -> object:
    return figures_of(state, SETTINGS, ("monitor", ""), after(second)).values["conditions_unknown"]


def told(story: Story) -> list[str]:
    return [a.summary for a in story.state.alerts.values() if a.state in OPEN and a.key.rule == "conditions-unknown"]


def test_a_minute_of_not_knowing_is_told_with_what_is_missing() -> None:
    assert told(watching(60)) == []
    story = watching(62)
    assert told(story) == ["1 condition unknown: liquidated of account (liquidations 24h)"]
    document = account_document(story.state, SETTINGS, after(62), "0")
    (row,) = document["conditions_unknown"]
    assert (row["rule"], row["scope"], row["subject"], row["lacking"]) == (
        "liquidated",
        "account",
        None,
        ["liquidations_24h"],
    )


def test_what_needs_a_history_is_given_the_time_for_it() -> None:
    assert counted(watching(300).state, 300) == 1
    story = watching(362)
    assert counted(story.state, 362) == 2
    assert told(story) == [
        "2 conditions unknown: fast of cross (margin level change 5m), liquidated of account (liquidations 24h)"
    ]


def test_while_nothing_is_read_blindness_speaks_instead() -> None:
    stale = SETTINGS.stale_after // timedelta(seconds=1)
    story = watching(stale + 2, read=False)
    assert (story.state.unknown, counted(story.state, stale + 2)) == ({}, 0)


def test_the_heartbeat_is_not_well_meanwhile() -> None:
    accounts = {"main": Watched(SETTINGS, watching(62).state, after(62))}
    assert ailments(accounts, {}, False, timedelta(minutes=1), after(62)) == (
        "account main: 1 condition unknown: liquidated of account (liquidations 24h)",
    )


def test_a_condition_that_another_figure_leaves_unknown_goes_on_counting() -> None:
    story = watching(40)
    (key,) = [key for key in story.state.unknown if key.rule == "fast"]
    since = story.state.unknown[key].since
    story.state = replace(story.state, cross=replace(cross(after(40)), margin_level=cross().margin_level))
    subject: Subject = ("cross", "")
    assert Sight(story.state, SETTINGS, after(41)).of(subject).values["margin_level_change_5m"] is Missing.UNAVAILABLE
    story.tell(Tick(), 41)
    assert story.state.unknown[key].since == since
    assert lasting(story.state.unknown, after(41)) == {}
