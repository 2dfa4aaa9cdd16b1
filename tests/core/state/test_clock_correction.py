"""Timestamps of a clock that was ahead: ages stay what they were, and nothing waits for a wrong time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.metrics.monitor import measure_monitor
from monitor.core.metrics.valuation import is_fresh
from monitor.core.model.account import CrossSnapshot
from monitor.core.model.alert import Silence
from monitor.core.model.events import ClockSetBack, CommandsRead, CrossRead
from monitor.core.model.metric import MissingValue
from monitor.core.numbers.amounts import ONE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, PollingState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.clock_correction import clamp_timestamps, correct_timestamps
from monitor.core.state.stream_status import StreamStatus

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AHEAD = timedelta(hours=8)
SETTINGS = AccountSettings("main", isolated=())


def snapshot(at: datetime) -> CrossSnapshot:
    return CrossSnapshot(at, at, {}, ONE, ONE, ONE, ONE)


def state_with_future_stamps() -> AccountState:
    then = NOW + AHEAD - timedelta(seconds=20)
    quiet = Silence(1, (), NOW - AHEAD, NOW + timedelta(hours=2), "me", "")
    return AccountState(
        account="main",
        started_at=then,
        cross=snapshot(then + timedelta(seconds=15)),
        streams={"account": StreamStatus(True, ("cross",), then, then + timedelta(seconds=18))},
        polling=PollingState(failed_at={"isolated": NOW - AHEAD, "cross": then}),
        commands=CommandsRead(silences=(quiet,)),
    )


def test_future_stamps_keep_their_age() -> None:
    after = correct_timestamps(state_with_future_stamps(), -AHEAD, NOW)
    assert after.started_at == NOW - timedelta(seconds=20)
    assert after.cross is not None and after.cross.as_of == NOW - timedelta(seconds=5)
    assert after.streams["account"].last_frame_at == NOW - timedelta(seconds=2)
    assert after.polling.failed_at == {"isolated": NOW - AHEAD, "cross": NOW - timedelta(seconds=20)}


def test_future_end_times_are_unchanged() -> None:
    before = state_with_future_stamps()
    assert correct_timestamps(before, -AHEAD, NOW).commands is before.commands


def test_newer_data_are_not_refused_because_of_a_future_stamp() -> None:
    newer = snapshot(NOW)
    after = correct_timestamps(state_with_future_stamps(), -AHEAD, NOW)
    after = apply_account_event(after, CrossRead(newer), NOW)
    assert after.cross is newer


def test_state_without_future_stamps_is_unchanged() -> None:
    before = replace(state_with_future_stamps(), started_at=NOW)
    right = correct_timestamps(before, -AHEAD, NOW + 2 * AHEAD)
    assert right.cross is before.cross and right.streams is before.streams


def test_no_stamp_of_an_earlier_run_lies_in_the_future() -> None:
    assert clamp_timestamps({"a": (NOW + AHEAD, NOW - AHEAD)}, NOW) == {"a": (NOW, NOW - AHEAD)}


def test_an_age_below_zero_is_not_known_and_counts_as_blind() -> None:
    values = measure_monitor(state_with_future_stamps(), SETTINGS, (), NOW).display
    assert values["price_age"] is values["stream_silence"] is MissingValue.UNAVAILABLE
    age = values["data_age"]
    assert isinstance(age, Decimal) and age >= 7 * 3600
    assert not is_fresh(NOW + timedelta(minutes=1), NOW, timedelta(hours=1))
    assert is_fresh(NOW + timedelta(seconds=1), NOW, timedelta(hours=1))


def test_the_event_says_by_how_much() -> None:
    assert ClockSetBack(AHEAD).by == AHEAD
