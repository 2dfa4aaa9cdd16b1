"""Hourly deletion and downsampling of old rows while the daemon runs."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.margin.past_prices import floor_hour
from monitor.errors import StoreError
from monitor.store.store import Store

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 3600.0
"""Machine seconds between two deletions."""

SETTLE_TIMEOUT_S = 600.0
"""Machine seconds that a deletion waits for the exchange's time; without it the next try is an hour later."""

SETTLE_POLL_S = 1.0
"""Machine seconds between two looks at the clock."""

MINUTES_AFTER = timedelta(days=7)
"""Age from which on samples are kept to the minute, to the hour never earlier: a start reads them back for as long."""


@dataclass(frozen=True, slots=True)
class RowRetention:
    """Ages up to which rows are kept.

    `samples` older than that, and than a week, are kept to the hour, and those of hours up to `hourly_samples`.
    `events` are stream events, failed reads and delivery attempts. `bars` are past prices. Zero keeps no bars, and of
    the others all.
    """

    samples: timedelta
    hourly_samples: timedelta
    events: timedelta
    bars: timedelta


async def prune_hourly(retention: RowRetention, store: Store, clock: Clock) -> None:
    """Delete and downsample rows older than their span, now and every hour, until cancelled.

    Of several daemons one does so. Only the exchange's own time tells what is old: a clock that is ahead would cost
    recent samples. Without that time, or after a failure of the store, the next try is an hour later.
    """
    while True:
        try:
            await _wait_until_settled(clock)
            count = await prune(retention, store, clock) if store.is_leader else 0
        except StoreError as error:
            log.warning("rows.not_pruned cause=%s", error)
        else:
            if count:
                log.info("rows.pruned count=%d", count)
        await asyncio.sleep(PRUNE_EVERY_S)


async def _wait_until_settled(clock: Clock) -> None:
    """Wait until the exchange's time is known. Raises StoreError if it is not for long."""
    try:
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while not clock.is_settled:  # noqa: ASYNC110 – the clock has no event for it, and it can wait
                await asyncio.sleep(SETTLE_POLL_S)
    except TimeoutError:
        raise StoreError("the exchange's time is not known, so neither is what is old") from None


async def prune(retention: RowRetention, store: Store, clock: Clock) -> int:
    """Delete and downsample rows older than their spans; return how many are gone. Raises StoreError.

    How far samples are downsampled is corrected only by a settled clock.
    """
    now = clock.now()
    before = now - retention.events if retention.events else None
    hours, fine = retention.hourly_samples, retention.samples
    return await store.prune(
        samples_before=now - max(hours, fine) if hours else None,
        minutes_before=now - MINUTES_AFTER,
        hours_before=now - max(fine, MINUTES_AFTER),
        events_before=before,
        failures_before=before,
        attempts_before=before,
        bars_before=floor_hour(now - retention.bars),
        marks_until=now if clock.is_settled else None,
    )
