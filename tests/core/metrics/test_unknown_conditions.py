"""Critical conditions that stay unknown while the account is read: counted, named, and a problem."""

from dataclasses import replace
from datetime import timedelta

from monitor.config.rules.rule_files import parse_rules
from monitor.core.alerting.evaluation import OPEN_STATES
from monitor.core.engine.health import AccountHealth, health_problems
from monitor.core.metrics.snapshot import MetricsSnapshot, Subject, measure_subject
from monitor.core.metrics.unknown_conditions import filter_lasting
from monitor.core.model.account import IsolatedSnapshot
from monitor.core.model.events import CrossRead, IsolatedRead, KeyRead, Tick
from monitor.core.model.metric import MissingValue
from monitor.core.state.account_state import AccountState
from monitor.view.documents.account import account_document
from tests.core.engine.test_step import KEY, EngineRun
from tests.support.examples.accounts import SETTINGS, after, cross_snapshot

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


def watch_for(seconds: int, *, read: bool = True) -> EngineRun:
    """Run the account, read (or not) every ten seconds and evaluated each second; liquidations are unknown."""
    story = EngineRun(rules=RULES)
    story.state = replace(story.state, keys=replace(story.state.keys, is_accepted=True))
    story.step(KeyRead(True, KEY, after(0)), 0)
    for second in range(seconds + 1):
        if second % 10 == 0 and (read or not second):
            story.step(CrossRead(cross_snapshot(after(second))), second)
            story.step(IsolatedRead(IsolatedSnapshot(after(second), after(second), {})), second)
        story.step(Tick(), second)
    return story


def unknown_condition_count(state: AccountState, second: int) -> object:
    return measure_subject(state, SETTINGS, ("monitor", ""), after(second)).values["conditions_unknown"]


def open_summaries(story: EngineRun) -> list[str]:
    return [
        a.summary for a in story.state.alerts.values() if a.state in OPEN_STATES and a.key.rule == "conditions-unknown"
    ]


def test_condition_unknown_for_a_minute_is_reported_with_its_missing_metric() -> None:
    assert open_summaries(watch_for(60)) == []
    story = watch_for(62)
    (summary,) = open_summaries(story)
    assert "liquidated of account" in summary
    assert "liquidations 24h" in summary
    document = account_document(story.state, SETTINGS, after(62), "0")
    (row,) = document["conditions_unknown"]
    assert (row["rule"], row["scope"], row["subject"], row["lacking"]) == (
        "liquidated",
        "account",
        None,
        ["liquidations_24h"],
    )


def test_metric_that_needs_a_history_is_given_time_to_collect_it() -> None:
    assert unknown_condition_count(watch_for(300).state, 300) == 1
    story = watch_for(362)
    assert unknown_condition_count(story.state, 362) == 2
    assert open_summaries(story) == [
        "2 conditions unknown: fast of cross (margin level change 5m), liquidated of account (liquidations 24h)"
    ]


def test_unknown_conditions_are_not_counted_while_data_are_stale() -> None:
    stale = SETTINGS.stale_after // timedelta(seconds=1)
    story = watch_for(stale + 2, read=False)
    assert (story.state.measurement.unknown_conditions, unknown_condition_count(story.state, stale + 2)) == ({}, 0)


def test_unknown_condition_fails_the_heartbeat() -> None:
    accounts = {"main": AccountHealth(SETTINGS, watch_for(62).state, after(62))}
    (problem,) = health_problems(accounts, {}, False, timedelta(minutes=1), after(62))
    for words in ("main", "liquidated of account", "liquidations 24h"):
        assert words in problem


def test_condition_unknown_for_another_reason_keeps_its_start_time() -> None:
    story = watch_for(40)
    (key,) = [key for key in story.state.measurement.unknown_conditions if key.rule == "fast"]
    since = story.state.measurement.unknown_conditions[key].since
    story.state = replace(
        story.state, cross=replace(cross_snapshot(after(40)), margin_level=cross_snapshot().margin_level)
    )
    subject: Subject = ("cross", "")
    assert (
        MetricsSnapshot(story.state, SETTINGS, after(41)).get(subject).values["margin_level_change_5m"]
        is MissingValue.UNAVAILABLE
    )
    story.step(Tick(), 41)
    assert story.state.measurement.unknown_conditions[key].since == since
    assert filter_lasting(story.state.measurement.unknown_conditions, after(41)) == {}
