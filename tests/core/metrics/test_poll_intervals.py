"""How often scopes are read."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.metrics.poll_intervals import interval_in_force, intervals
from monitor.core.metrics.snapshot import Sight
from monitor.core.model.account import Balance
from monitor.core.model.alert import Alert, AlertKey, AlertState, MetricScope, Severity
from monitor.core.model.events import CrossRead, IsolatedRead, StreamChanged, StreamName
from monitor.core.state.account_settings import Pace, Settings
from monitor.core.state.account_state import AccountState, Paced
from tests.support.examples.accounts import NOW, SETTINGS, after, cross, isolated, long_pair, told, watched

STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")


def at_rest() -> AccountState:
    state = told(watched(), IsolatedRead(isolated(replace(long_pair(), margin_level=Decimal("1.26")))))
    return told(state, *(StreamChanged(name, True, (), NOW) for name in STREAMS))


def paced(state: AccountState, seconds: float = 0, settings: Settings = SETTINGS) -> dict[str, float]:
    sight = Sight(state, settings, after(seconds))
    found = intervals(state, settings, [sight.of(subject) for subject in sight.margin])
    return {name: interval.total_seconds() for name, interval in found.items()}


def alert(scope: MetricScope, state: AlertState, severity: Severity = "warning", subject: str = "") -> Alert:
    return Alert(1, AlertKey("r", "main", scope, subject), state, severity, NOW, "when", "clear", "summary")


def test_at_rest_the_configured_intervals_hold() -> None:
    assert paced(at_rest()) == {"cross": 60, "isolated": 60}
    settings = replace(SETTINGS, pace=Pace(cross=timedelta(seconds=20), isolated=timedelta(seconds=90)))
    assert paced(at_rest(), settings=settings) == {"cross": 20, "isolated": 90}


def test_scopes_that_are_not_watched_are_not_read() -> None:
    assert paced(at_rest(), settings=Settings("main", isolated=())) == {"cross": 60}
    assert paced(at_rest(), settings=Settings("main", cross=False)) == {"isolated": 60}


def safe() -> AccountState:
    """Cross and the pair well above their initial levels of 1.5 and 1.25, all streams up."""
    state = told(
        watched(level=Decimal("1.88")), IsolatedRead(isolated(replace(long_pair(), margin_level=Decimal("1.6"))))
    )
    return told(state, *(StreamChanged(name, True, (), NOW) for name in STREAMS))


def test_what_is_safe_is_read_a_quarter_more_seldom() -> None:
    assert paced(safe()) == {"cross": 75, "isolated": 75}
    owing_nothing = told(
        at_rest(), CrossRead(cross(after(1), Decimal("Infinity"), {"BTC": Balance("BTC", Decimal(1))}))
    )
    assert paced(owing_nothing, 1) == {"cross": 75, "isolated": 60}


def test_economy_ends_with_a_stream_and_with_an_alert() -> None:
    assert paced(told(safe(), StreamChanged("account", False, (), NOW))) == {"cross": 30, "isolated": 60}
    known = alert("cross", AlertState.PENDING)
    assert paced(replace(safe(), alerts={known.key: known})) == {"cross": 2, "isolated": 75}


@pytest.mark.parametrize("lost", STREAMS)
def test_cross_is_read_more_often_without_a_stream(lost: StreamName) -> None:
    assert paced(told(at_rest(), StreamChanged(lost, False, (), NOW))) == {"cross": 30, "isolated": 60}


def test_below_its_initial_level_a_scope_is_read_fast() -> None:
    assert paced(told(watched(level=Decimal("1.49")), *_streams()))["cross"] == 2
    below = told(at_rest(), IsolatedRead(isolated(replace(long_pair(), margin_level=Decimal("1.24")), at=after(1))))
    assert paced(below, 1) == {"cross": 60, "isolated": 2}


def test_scope_that_went_stale_below_its_initial_level_stays_fast() -> None:
    assert paced(told(watched(level=Decimal("1.49")), *_streams()), 600)["cross"] == 2


@pytest.mark.parametrize("state", [AlertState.PENDING, AlertState.FIRING])
def test_warning_or_critical_alert_of_the_scope_makes_it_fast(state: AlertState) -> None:
    for severity, expected in (("critical", 2), ("warning", 2), ("info", 60)):
        known = alert("cross", state, severity)  # type: ignore[arg-type]  # the three severities
        assert paced(replace(at_rest(), alerts={known.key: known})) == {"cross": expected, "isolated": 60}


def test_alert_of_one_pair_makes_the_read_of_all_pairs_fast() -> None:
    known = alert("isolated", AlertState.FIRING, subject="BTCUSDT")
    assert paced(replace(at_rest(), alerts={known.key: known})) == {"cross": 60, "isolated": 2}


def test_alert_about_something_else_changes_no_pace() -> None:
    known = alert("monitor", AlertState.FIRING, "critical")
    assert paced(replace(at_rest(), alerts={known.key: known})) == {"cross": 60, "isolated": 60}


def test_short_interval_is_not_made_longer_by_danger() -> None:
    settings = replace(SETTINGS, pace=Pace(cross=timedelta(seconds=1)))
    assert paced(told(watched(level=Decimal("1.2")), *_streams()), settings=settings)["cross"] == 1


def _streams() -> list[StreamChanged]:
    return [StreamChanged(name, True, (), NOW) for name in STREAMS]


def test_a_pace_that_turned_faster_is_judged_by_the_slower_one_until_it_had_its_chance() -> None:
    minute, two_seconds = timedelta(seconds=60), timedelta(seconds=2)
    pace = Paced(interval=two_seconds, before=minute, since=NOW)
    assert interval_in_force(pace, NOW + timedelta(seconds=1)) == minute
    assert interval_in_force(pace, NOW + timedelta(seconds=5)) == minute
    assert interval_in_force(pace, NOW + timedelta(seconds=6)) == two_seconds


def test_a_pace_that_turned_slower_holds_at_once() -> None:
    pace = Paced(interval=timedelta(seconds=60), before=timedelta(seconds=2), since=NOW)
    assert interval_in_force(pace, NOW) == timedelta(seconds=60)
