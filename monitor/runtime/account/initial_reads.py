"""What the first judgement of an account rests on: its scopes, and what tells how far each is from its bars."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from monitor.clock import Clock
from monitor.core.model.events import CrossRead, Event, IsolatedRead
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from monitor.runtime.account.account_reads import Reads

READ_WITHIN_S = 3.0
"""So long (machine seconds) the scopes wait for each other: one that hangs must not keep the other from judgement."""

MEASURED_WITHIN_S = 1.0
"""So long (machine seconds) the scopes wait for bars and prices: a late alert is worse than one without them."""

ReadsInto = Callable[[Callable[[Event], None], Callable[[], AccountState]], Reads]
"""Makes the reads that deliver to the first and go by the state that the second tells."""


async def first_reads(reads_into: ReadsInto, state: AccountState, settings: Settings, clock: Clock) -> list[Event]:
    """The events of the first reads, the scopes last: who judges them knows their bars and prices by then.

    What is not read in time is left out, to be read again by its timetable.
    """
    taken: list[Event] = []
    known = state

    def take(event: Event) -> None:
        nonlocal known
        taken.append(event)
        known = apply(known, event, clock.now())

    reads = reads_into(take, lambda: known)
    by_name = reads.by_name()
    bars = asyncio.create_task(reads.bars())
    try:
        await within(READ_WITHIN_S, *(by_name[name]() for name in ("cross", "isolated") if name in by_name))
        with suppress(TimeoutError):
            async with asyncio.timeout(MEASURED_WITHIN_S):
                await asyncio.gather(bars, reads.prices(), *(reads.tiers(symbol) for symbol in _owing(known)))
    finally:
        bars.cancel()
    return sorted(taken, key=lambda event: isinstance(event, CrossRead | IsolatedRead))


async def within(seconds: float, *reads: Awaitable[None]) -> None:
    """Make the reads at once; those that take longer are given up, to be made again by their timetable."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*reads)


def _owing(state: AccountState) -> list[str]:
    """The pairs with a debt: only these can be liquidated."""
    pairs = state.isolated.pairs if state.isolated is not None else {}
    return [symbol for symbol, pair in pairs.items() if pair.base.owed or pair.quote.owed]
