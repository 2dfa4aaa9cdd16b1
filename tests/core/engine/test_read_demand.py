"""Reads that are asked for next, for actions."""

from dataclasses import replace
from datetime import timedelta

from monitor.core.engine.read_demand import NO_READS, requested_reads
from monitor.core.model.events import CommandsRead, PricesRead
from monitor.core.state.account_state import PollingState
from tests.support.examples.accounts import NOW, SETTINGS, cross_account_state, sample_prices

WALLETS = frozenset({"spot", "funding"})


def test_read_for_an_action_is_requested_with_those_for_the_event() -> None:
    state = cross_account_state()
    assert requested_reads(state, state, CommandsRead(), NO_READS, SETTINGS, NOW) == NO_READS
    assert requested_reads(state, state, CommandsRead(), WALLETS, SETTINGS, NOW) == WALLETS
    late = NOW + SETTINGS.prices_stale_after + timedelta(seconds=1)
    assert requested_reads(state, state, PricesRead(sample_prices(late)), WALLETS, SETTINGS, late) == {
        "cross",
        "isolated",
        *WALLETS,
    }


def test_read_for_an_action_that_just_failed_is_not_requested_again() -> None:
    failed_at = {"spot": NOW - timedelta(seconds=4), "funding": NOW - timedelta(seconds=5)}
    state = replace(cross_account_state(), polling=PollingState(failed_at=failed_at))
    assert requested_reads(state, state, CommandsRead(), WALLETS, SETTINGS, NOW) == {"funding"}
