"""A heartbeat says that all is well only while it is: reads, steps, the store and the channels."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.core.engine.health import Watched, ailments
from monitor.core.model.account import IsolatedSnapshot
from monitor.core.model.events import IsolatedRead
from monitor.core.state.account_settings import Pace
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import NOW, SETTINGS, after, started, told, watched

STEADY = replace(SETTINGS, pace=Pace(cross_without_stream=timedelta(seconds=60)))
MINUTE = timedelta(minutes=1)
SEEN = told(watched(), IsolatedRead(IsolatedSnapshot(NOW, NOW, {})))


def say(
    seconds: float,
    state: AccountState | None = SEEN,
    *,
    stepped_at: datetime | None = None,
    troubles: Mapping[str, str] | None = None,
    store_failing: bool = False,
    every: timedelta = MINUTE,
) -> tuple[str, ...]:
    now = after(seconds)
    accounts = {"main": Watched(STEADY, state, now if stepped_at is None else stepped_at)}
    return ailments(accounts, troubles or {}, store_failing, every, now)


def test_all_is_well_while_the_data_are_fresh() -> None:
    assert say(1) == ()
    assert say(120) == ()


def test_data_are_fresh_for_two_intervals_of_reads_or_pings() -> None:
    assert say(121) == ("account main was not read for 2m 1s",)
    assert say(121, every=2 * MINUTE) == ()
    # Never for longer than snapshots are believed at all.
    assert say(181, every=10 * MINUTE) == ("account main was not read for 3m 1s",)


def test_nothing_is_well_before_everything_was_read() -> None:
    assert say(1, started()) == ("account main was not read yet",)
    assert say(1, watched()) == ("account main was not read yet",)
    assert say(1, None) == ("account main is not running",)


@pytest.mark.parametrize(
    ("every", "standstill", "well"), [(60, 60, True), (60, 61, False), (1, 2, True), (1, 3, False)]
)
def test_an_account_that_completes_no_step_is_ill(every: int, standstill: int, well: bool) -> None:
    found = say(5, stepped_at=after(5 - standstill), every=timedelta(seconds=every))
    assert found == (() if well else (f"account main has completed no step for {'1m 1s' if every > 1 else '3s'}",))


def test_a_failing_store_and_failing_channels_are_named() -> None:
    assert say(1, store_failing=True, troubles={"phone": "HTTP 503", "mail": "it hangs"}) == (
        "the database can't be written",
        "channel mail does not work: it hangs",
        "channel phone does not work: HTTP 503",
    )
