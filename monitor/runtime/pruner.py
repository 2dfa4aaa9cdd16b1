"""Letting go of old samples while the daemon runs."""

import asyncio
import logging
from datetime import timedelta

from monitor.clock import Clock
from monitor.errors import StoreError
from monitor.store.store import Store

log = logging.getLogger(__name__)

EVERY_S = 3600.0
"""Machine seconds from one look to the next."""


async def keep_samples_for(span: timedelta, store: Store, clock: Clock) -> None:
    """Drops samples older than `span`, now and every hour, until cancelled. A store that fails is tried again then."""
    while True:
        try:
            gone = await store.prune(samples_before=clock.now() - span)
        except StoreError as error:
            log.warning("samples.not_pruned cause=%s", error)
        else:
            if gone:
                log.info("samples.pruned count=%d", gone)
        await asyncio.sleep(EVERY_S)
