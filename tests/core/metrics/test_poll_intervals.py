"""Poll intervals of scopes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.metrics.poll_intervals import choose_intervals, effective_interval
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.account import Balance
from monitor.core.model.alert import Alert, AlertKey, AlertState, MetricScope, Severity
from monitor.core.model.events import CrossRead, IsolatedRead, StreamChanged
from monitor.core.model.stream_payloads import StreamName
from monitor.core.state.account_settings import AccountSettings, PollIntervals
from monitor.core.state.account_state import AccountState, PollInterval
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_account_state,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
)

STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")


def resting_state() -> AccountState:
    state = apply_events(
        cross_account_state(), IsolatedRead(isolated_snapshot(replace(long_pair(), margin_level=Decimal("1.26"))))
    )
    return apply_events(state, *(StreamChanged(name, True, (), NOW) for name in STREAMS))


def intervals_of(state: AccountState, seconds: float = 0, settings: AccountSettings = SETTINGS) -> dict[str, float]:
    sight = MetricsSnapshot(state, settings, after(seconds))
    found = choose_intervals(state, settings, [sight.get(subject) for subject in sight.margin_subjects])
    return {name: interval.total_seconds() for name, interval in found.items()}


def alert(scope: MetricScope, state: AlertState, severity: Severity = "warning", subject: str = "") -> Alert:
    return Alert(1, AlertKey("r", "main", scope, subject), state, severity, NOW, "when", "clear", "summary")


def test_configured_intervals_apply_at_rest() -> None:
    assert intervals_of(resting_state()) == {"cross": 60, "isolated": 60}
    settings = replace(
        SETTINGS, poll_intervals=PollIntervals(cross=timedelta(seconds=20), isolated=timedelta(seconds=90))
    )
    assert intervals_of(resting_state(), settings=settings) == {"cross": 20, "isolated": 90}


def test_scopes_that_are_not_watched_are_not_read() -> None:
    assert intervals_of(resting_state(), settings=AccountSettings("main", isolated=())) == {"cross": 60}
    assert intervals_of(resting_state(), settings=AccountSettings("main", cross=False)) == {"isolated": 60}


def safe_state() -> AccountState:
    """Return cross and the pair well above their initial levels of 1.5 and 1.25, with all streams up."""
    state = apply_events(
        cross_account_state(level=Decimal("1.88")),
        IsolatedRead(isolated_snapshot(replace(long_pair(), margin_level=Decimal("1.6")))),
    )
    return apply_events(state, *(StreamChanged(name, True, (), NOW) for name in STREAMS))


def test_safe_scope_is_read_a_quarter_less_often() -> None:
    assert intervals_of(safe_state()) == {"cross": 75, "isolated": 75}
    owing_nothing = apply_events(
        resting_state(), CrossRead(cross_snapshot(after(1), Decimal("Infinity"), {"BTC": Balance("BTC", Decimal(1))}))
    )
    assert intervals_of(owing_nothing, 1) == {"cross": 75, "isolated": 60}


def test_saving_ends_with_a_lost_stream_or_an_alert() -> None:
    assert intervals_of(apply_events(safe_state(), StreamChanged("account", False, (), NOW))) == {
        "cross": 30,
        "isolated": 60,
    }
    known = alert("cross", AlertState.PENDING)
    assert intervals_of(replace(safe_state(), alerts={known.key: known})) == {"cross": 2, "isolated": 75}


@pytest.mark.parametrize("lost", STREAMS)
def test_cross_is_read_more_often_while_a_stream_is_down(lost: StreamName) -> None:
    assert intervals_of(apply_events(resting_state(), StreamChanged(lost, False, (), NOW))) == {
        "cross": 30,
        "isolated": 60,
    }


def test_below_its_initial_level_a_scope_is_read_fast() -> None:
    assert intervals_of(apply_events(cross_account_state(level=Decimal("1.49")), *_streams()))["cross"] == 2
    below = apply_events(
        resting_state(),
        IsolatedRead(isolated_snapshot(replace(long_pair(), margin_level=Decimal("1.24")), at=after(1))),
    )
    assert intervals_of(below, 1) == {"cross": 60, "isolated": 2}


def test_scope_that_went_stale_below_its_initial_level_stays_fast() -> None:
    assert intervals_of(apply_events(cross_account_state(level=Decimal("1.49")), *_streams()), 600)["cross"] == 2


@pytest.mark.parametrize("state", [AlertState.PENDING, AlertState.FIRING])
def test_warning_or_critical_alert_of_the_scope_makes_it_fast(state: AlertState) -> None:
    for severity, expected in (("critical", 2), ("warning", 2), ("info", 60)):
        known = alert("cross", state, severity)  # type: ignore[arg-type]  # the three severities
        assert intervals_of(replace(resting_state(), alerts={known.key: known})) == {"cross": expected, "isolated": 60}


def test_alert_of_a_slow_rule_changes_no_interval() -> None:
    """Odds may be high for weeks, and reading every two seconds would not change them."""
    known = alert("cross", AlertState.FIRING, "critical")
    settings = replace(SETTINGS, slow_rules=frozenset({known.key.rule}))
    state = replace(resting_state(), alerts={known.key: known})
    assert intervals_of(state, settings=settings) == {"cross": 60, "isolated": 60}


def test_alert_of_one_pair_makes_the_read_of_all_pairs_fast() -> None:
    known = alert("isolated", AlertState.FIRING, subject="BTCUSDT")
    assert intervals_of(replace(resting_state(), alerts={known.key: known})) == {"cross": 60, "isolated": 2}


def test_alert_of_another_kind_changes_no_interval() -> None:
    known = alert("monitor", AlertState.FIRING, "critical")
    assert intervals_of(replace(resting_state(), alerts={known.key: known})) == {"cross": 60, "isolated": 60}


def test_near_liquidation_never_lengthens_an_interval() -> None:
    settings = replace(SETTINGS, poll_intervals=PollIntervals(cross=timedelta(seconds=1)))
    assert (
        intervals_of(apply_events(cross_account_state(level=Decimal("1.2")), *_streams()), settings=settings)["cross"]
        == 1
    )


def _streams() -> list[StreamChanged]:
    return [StreamChanged(name, True, (), NOW) for name in STREAMS]


def test_shortened_interval_is_judged_by_the_longer_one_for_a_grace_period() -> None:
    minute, two_seconds = timedelta(seconds=60), timedelta(seconds=2)
    pace = PollInterval(interval=two_seconds, previous=minute, since=NOW)
    assert effective_interval(pace, NOW + timedelta(seconds=1)) == minute
    assert effective_interval(pace, NOW + timedelta(seconds=5)) == minute
    assert effective_interval(pace, NOW + timedelta(seconds=6)) == two_seconds


def test_lengthened_interval_applies_at_once() -> None:
    pace = PollInterval(interval=timedelta(seconds=60), previous=timedelta(seconds=2), since=NOW)
    assert effective_interval(pace, NOW) == timedelta(seconds=60)
