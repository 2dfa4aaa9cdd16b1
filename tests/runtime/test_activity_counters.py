"""Counts of the daemon's own doings."""

from dataclasses import replace

from monitor.core.model.account import CROSS
from monitor.core.model.events import IntentUpdated, StreamEvent, Tick
from monitor.core.model.intent import IntentState
from monitor.core.model.journal import JournalEntry
from monitor.runtime.activity_counters import MAX_EVENT_TYPES, OTHER_TYPE, ActivityCounters
from tests.support.examples.accounts import NOW, after, new_account_state
from tests.support.examples.actions import intent

EMPTY = JournalEntry("main", NOW)
STATE = new_account_state()
PLANNED = intent(1, IntentState.PLANNED)
CONFIRMED = replace(PLANNED, state=IntentState.CONFIRMED, settled_at=after(5))


def test_stream_events_are_counted_by_the_exchanges_type() -> None:
    counters = ActivityCounters()
    for number in range(3):
        event = StreamEvent("account", CROSS, "userLiabilityChange", f"key-{number}", NOW, NOW, "{}")
        counters.count_step(STATE, event, EMPTY)
    counters.count_step(STATE, Tick(), EMPTY)
    assert counters.stream_events == {("main", "userLiabilityChange"): 3}


def test_endless_types_of_events_are_counted_as_one() -> None:
    counters = ActivityCounters()
    for number in range(MAX_EVENT_TYPES + 5):
        event = StreamEvent("account", CROSS, f"type-{number}", f"key-{number}", NOW, NOW, "{}")
        counters.count_step(STATE, event, EMPTY)
    assert counters.stream_events["main", "type-0"] == 1
    assert counters.stream_events["main", OTHER_TYPE] == 5
    assert len(counters.stream_events) == MAX_EVENT_TYPES + 1


def test_settled_intent_is_counted_once() -> None:
    counters = ActivityCounters()
    open_state = replace(STATE, intents={1: PLANNED})
    counters.count_step(open_state, IntentUpdated(CONFIRMED), EMPTY)
    counters.count_step(replace(STATE, intents={1: CONFIRMED}), IntentUpdated(CONFIRMED), EMPTY)
    assert counters.actions == {("repay", "confirmed"): 1}


def test_intent_that_is_still_open_is_not_counted() -> None:
    counters = ActivityCounters()
    counters.count_step(STATE, IntentUpdated(PLANNED), EMPTY)
    counters.count_step(STATE, IntentUpdated(replace(PLANNED, state=IntentState.UNRESOLVED)), EMPTY)
    assert not counters.actions


def test_intent_that_a_step_ends_is_counted() -> None:
    counters = ActivityCounters()
    expired = replace(PLANNED, state=IntentState.EXPIRED, settled_at=after(1))
    counters.count_step(replace(STATE, intents={1: PLANNED}), Tick(), replace(EMPTY, intents=(expired,)))
    assert counters.actions == {("repay", "expired"): 1}


def test_intent_settled_before_the_start_is_not_counted() -> None:
    counters = ActivityCounters()
    counters.count_step(STATE, IntentUpdated(replace(CONFIRMED, settled_at=after(-60))), EMPTY)
    assert not counters.actions


def test_start_of_a_later_daemon_is_not_that_of_the_process() -> None:
    counters = ActivityCounters()
    counters.note_start(NOW)
    counters.note_start(after(60))
    assert (counters.started_at, counters.config_loaded_at) == (NOW, NOW)


def test_failed_reload_keeps_the_time_of_the_configuration_in_force() -> None:
    counters = ActivityCounters()
    counters.note_reload(is_ok=True, at=NOW)
    counters.note_reload(is_ok=False, at=after(60))
    assert (counters.is_last_reload_ok, counters.config_loaded_at) == (False, NOW)
