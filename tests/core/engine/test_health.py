"""Health check of the heartbeat: reads, steps, the store and the channels."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.core.engine.health import AccountHealth, health_problems
from monitor.core.model.account import IsolatedSnapshot
from monitor.core.model.events import IsolatedRead
from monitor.core.state.account_settings import PollIntervals
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import NOW, SETTINGS, after, apply_events, cross_account_state, new_account_state

STEADY_SETTINGS = replace(SETTINGS, poll_intervals=PollIntervals(cross_without_stream=timedelta(seconds=60)))
MINUTE = timedelta(minutes=1)
READ_ACCOUNT = apply_events(cross_account_state(), IsolatedRead(IsolatedSnapshot(NOW, NOW, {})))


def problems_at(
    seconds: float,
    state: AccountState | None = READ_ACCOUNT,
    *,
    stepped_at: datetime | None = None,
    troubles: Mapping[str, str] | None = None,
    store_failing: bool = False,
    every: timedelta = MINUTE,
) -> tuple[str, ...]:
    now = after(seconds)
    accounts = {"main": AccountHealth(STEADY_SETTINGS, state, now if stepped_at is None else stepped_at)}
    return health_problems(accounts, troubles or {}, store_failing, every, now)


def test_no_health_problem_while_data_are_fresh() -> None:
    assert problems_at(1) == ()
    assert problems_at(120) == ()


def test_data_are_fresh_for_two_intervals_of_reads_or_pings() -> None:
    assert problems_at(121) == ("account main was not read for 2m 1s",)
    assert problems_at(121, every=2 * MINUTE) == ()
    # Never for longer than snapshots count as fresh.
    assert problems_at(181, every=10 * MINUTE) == ("account main was not read for 3m 1s",)


def test_unread_account_is_a_health_problem() -> None:
    assert problems_at(1, new_account_state()) == ("account main was not read yet",)
    assert problems_at(1, cross_account_state()) == ("account main was not read yet",)
    assert problems_at(1, None) == ("account main is not running",)


@pytest.mark.parametrize(
    ("every", "standstill", "well"), [(60, 60, True), (60, 61, False), (1, 2, True), (1, 3, False)]
)
def test_account_without_completed_steps_is_a_health_problem(every: int, standstill: int, well: bool) -> None:
    found = problems_at(5, stepped_at=after(5 - standstill), every=timedelta(seconds=every))
    assert found == (() if well else (f"account main has completed no step for {'1m 1s' if every > 1 else '3s'}",))


def test_account_with_rare_ticks_may_be_as_late() -> None:
    for standstill, found in ((10, ()), (11, ("account main has completed no step for 11s",))):
        slow = AccountHealth(STEADY_SETTINGS, READ_ACCOUNT, after(5 - standstill), timedelta(seconds=5))
        assert health_problems({"main": slow}, {}, False, timedelta(seconds=1), after(5)) == found


def test_failing_store_and_channels_are_health_problems() -> None:
    assert problems_at(1, store_failing=True, troubles={"phone": "HTTP 503", "mail": "it hangs"}) == (
        "the database can't be written",
        "channel mail does not work: it hangs",
        "channel phone does not work: HTTP 503",
    )
