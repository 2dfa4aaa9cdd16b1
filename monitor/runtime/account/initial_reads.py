"""What the first judgement of an account rests on: its scopes, and what tells how far each is from its bars."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from monitor.clock import Clock
from monitor.core.model.events import CrossRead, Event, IsolatedRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.runtime.account.account_reads import AccountReads

SCOPES_TIMEOUT_S = 3.0
"""So long (machine seconds) the scopes wait for each other: one that hangs must not keep the other from judgement."""

MEASURES_TIMEOUT_S = 1.0
"""So long (machine seconds) the scopes wait for bars and prices: a late alert is worse than one without them."""

ReadsFactory = Callable[[Callable[[Event], None], Callable[[], AccountState]], AccountReads]
"""Makes the reads that deliver to the first and go by the state that the second tells."""


async def make_initial_reads(
    make_reads: ReadsFactory, state: AccountState, settings: AccountSettings, clock: Clock
) -> list[Event]:
    """The events of the first reads, the scopes last: who judges them knows their bars and prices by then.

    What is not read in time is left out, to be read again by its timetable.
    """
    events: list[Event] = []
    known = state

    def take(event: Event) -> None:
        nonlocal known
        events.append(event)
        known = apply(known, event, clock.now())

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
    """Make the reads at once; those that take longer are given up, to be made again by their timetable."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*reads)


def _pairs_with_debt(state: AccountState) -> list[str]:
    """The pairs with a debt: only these can be liquidated."""
    pairs = state.isolated.pairs if state.isolated is not None else {}
    return [symbol for symbol, pair in pairs.items() if pair.base.owed or pair.quote.owed]
