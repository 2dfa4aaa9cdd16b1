"""The first reads of an account: its scopes, and the thresholds, tiers and prices that the first evaluation needs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from monitor.clock import Clock
from monitor.core.model.events import CrossRead, Event, IsolatedRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.runtime.account.account_reads import AccountReads

SCOPES_TIMEOUT_S = 3.0
"""Machine seconds that scopes wait for each other: a read that hangs must not keep the others from evaluation."""

MEASURES_TIMEOUT_S = 1.0
"""Machine seconds that the scopes wait for thresholds and prices: a late alert is worse than one without them."""

ReadsFactory = Callable[[Callable[[Event], None], Callable[[], AccountState]], AccountReads]
"""A factory of reads that deliver to its first argument and use the state of its second."""


async def make_initial_reads(
    make_reads: ReadsFactory, state: AccountState, settings: AccountSettings, clock: Clock
) -> list[Event]:
    """Return the events of the first reads, the scopes last, so that their thresholds and prices are applied before.

    Reads that are not done in time are left to their regular intervals.
    """
    events: list[Event] = []
    known = state

    def take(event: Event) -> None:
        nonlocal known
        events.append(event)
        known = apply_account_event(known, event, clock.now())

    reads = make_reads(take, lambda: known)
    by_name = reads.by_name()
    thresholds = asyncio.create_task(reads.read_thresholds())
    try:
        await run_within(SCOPES_TIMEOUT_S, *(by_name[name]() for name in ("cross", "isolated") if name in by_name))
        with suppress(TimeoutError):
            async with asyncio.timeout(MEASURES_TIMEOUT_S):
                await asyncio.gather(
                    thresholds, reads.read_prices(), *(reads.read_tiers(symbol) for symbol in _pairs_with_debt(known))
                )
    finally:
        thresholds.cancel()
    return sorted(events, key=lambda event: isinstance(event, CrossRead | IsolatedRead))


async def run_within(seconds: float, *reads: Awaitable[None]) -> None:
    """Make the reads at once; those that take longer are cancelled and left to their regular intervals."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*reads)


def _pairs_with_debt(state: AccountState) -> list[str]:
    """Return the pairs with a liability: only these can be liquidated."""
    pairs = state.isolated.pairs if state.isolated is not None else {}
    return [symbol for symbol, pair in pairs.items() if pair.base.owed or pair.quote.owed]
