"""Letting go of what is old while the daemon runs."""

import asyncio
import logging
from datetime import timedelta

from monitor.clock import Clock
from monitor.errors import StoreError
from monitor.store.store import Store

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 3600.0
"""Machine seconds from one look to the next."""


async def prune_hourly(samples: timedelta, events: timedelta, store: Store, clock: Clock) -> None:
    """Drops what is older than its span, now and every hour, until cancelled. A store that fails is tried again then.

    `events` is the span of stream events, failed reads and delivery attempts; zero keeps them for good.
    """
    while True:
        try:
            count = await prune(samples, events, store, clock)
        except StoreError as error:
            log.warning("rows.not_pruned cause=%s", error)
        else:
            if count:
                log.info("rows.pruned count=%d", count)
        await asyncio.sleep(PRUNE_EVERY_S)


async def prune(samples: timedelta, events: timedelta, store: Store, clock: Clock) -> int:
    """How many rows older than their spans went. Raises StoreError."""
    now = clock.now()
    before = now - events if events else None
    return await store.prune(
        samples_before=now - samples, events_before=before, failures_before=before, attempts_before=before
    )
