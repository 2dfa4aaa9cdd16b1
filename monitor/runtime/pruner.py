"""Hourly deletion of old rows while the daemon runs."""

import asyncio
import logging
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.margin.past_prices import floor_hour
from monitor.errors import StoreError
from monitor.store.store import Store

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 3600.0
"""Machine seconds between two deletions."""


async def prune_hourly(samples: timedelta, events: timedelta, bars: timedelta, store: Store, clock: Clock) -> None:
    """Delete rows older than their span, now and every hour, until cancelled.

    After a failure of the store the next try is an hour later. `events` is the span of stream events, failed reads and
    delivery attempts; zero keeps them for good. `bars` is that of past prices; zero keeps none.
    """
    while True:
        try:
            count = await prune(samples, events, bars, store, clock)
        except StoreError as error:
            log.warning("rows.not_pruned cause=%s", error)
        else:
            if count:
                log.info("rows.pruned count=%d", count)
        await asyncio.sleep(PRUNE_EVERY_S)


async def prune(samples: timedelta, events: timedelta, bars: timedelta, store: Store, clock: Clock) -> int:
    """Delete rows older than their spans and return how many. Raises StoreError."""
    now = clock.now()
    before = now - events if events else None
    return await store.prune(
        samples_before=now - samples,
        events_before=before,
        failures_before=before,
        attempts_before=before,
        bars_before=floor_hour(now - bars),
    )
