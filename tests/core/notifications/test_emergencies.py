"""Emergencies that are to end, since nobody needs to be called any more."""

from dataclasses import replace
from typing import Any

import pytest

from monitor.core.model.alert import Alert, AlertState
from monitor.core.notifications.emergencies import Emergency, alert_tag, drill_tag, find_unwanted
from tests.support.examples.store_rows import NOW, alert, at


def emergency(*alerts: Alert, receipt: str = "r1", **more: Any) -> Emergency:
    return Emergency(receipt, NOW, alerts, **more)


@pytest.mark.parametrize(
    "quiet",
    [
        {"state": AlertState.RESOLVED},
        {"acked_at": NOW, "acked_by": "anna"},
        {"silenced_by": 3},
        {"severity": "warning"},
    ],
)
def test_emergency_ends_when_its_alert_calls_no_longer(quiet: dict[str, Any]) -> None:
    assert find_unwanted([emergency(alert(17))]) == frozenset()
    assert find_unwanted([emergency(replace(alert(17), **quiet))]) == {"r1"}


def test_emergency_lasts_while_one_of_its_alerts_calls() -> None:
    acked = replace(alert(17), acked_at=NOW, acked_by="anna")
    assert find_unwanted([emergency(acked, alert(18))]) == frozenset()
    assert find_unwanted([emergency(acked, replace(alert(18), severity="warning"))]) == {"r1"}


def test_worse_alert_takes_over_only_if_it_has_an_emergency_itself() -> None:
    milder = replace(alert(17), inhibited_by=18)
    assert find_unwanted([emergency(milder)]) == frozenset()
    assert find_unwanted([emergency(milder), emergency(alert(18), receipt="r2")]) == {"r1"}


def test_emergency_of_a_drill_ends_with_the_drill() -> None:
    assert find_unwanted([emergency(drill=4)]) == frozenset()
    assert find_unwanted([emergency(drill=4, is_drill_over=True)]) == {"r1"}


def test_emergency_without_any_alert_left_ends() -> None:
    assert find_unwanted([emergency()]) == {"r1"}


def test_tag_names_one_episode_of_an_alert() -> None:
    fired = replace(alert(17), fired_at=at(60))
    assert alert_tag(fired) == "mm-17-1760130060000"
    assert alert_tag(fired) != alert_tag(alert(17))
    assert emergency(fired, drill=4).tags == {"mm-17-1760130060000", drill_tag(4)}
