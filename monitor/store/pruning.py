"""Deletion of old rows in steps so small that nothing waits long."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from monitor.store import downsampling
from monitor.store.db import free_pages
from monitor.store.db.writer import Writer
from monitor.store.downsampling import CoarseResolution
from monitor.store.writes import price_bars, retention

P = ParamSpec("P")
T = TypeVar("T")

MIN_STEP_PAUSE_S = 0.02
"""Machine seconds at least between two steps of one deletion: a process that waits for the lock looks that often."""


async def prune_rows(
    writer: Writer,
    *,
    samples_before: datetime | None = None,
    minutes_before: datetime | None = None,
    hours_before: datetime | None = None,
    events_before: datetime | None = None,
    failures_before: datetime | None = None,
    attempts_before: datetime | None = None,
    movements_before: datetime | None = None,
    bars_before: datetime | None = None,
    marks_until: datetime | None = None,
) -> int:
    """Delete rows older than the given moments, in steps so small that nothing waits long; return how many.

    Between two steps other processes have as much time for their own writes as the step took. Samples before
    `minutes_before` and `hours_before` are downsampled, and marks of that beyond `marks_until` are set
    back to it. Pages that this leaves unused are released.
    """
    steps: tuple[tuple[retention.Pruner, datetime | None], ...] = (
        (retention.prune_samples, samples_before),
        (retention.prune_events, events_before),
        (retention.prune_failures, failures_before),
        (retention.prune_attempts, attempts_before),
        (retention.prune_presses, attempts_before),
        (retention.prune_channel_messages, attempts_before),
        (retention.prune_movements, movements_before),
        (price_bars.prune_bars, bars_before),
    )
    total = 0
    for pruner, before in steps:
        while before is not None and (gone := await _run_step(writer, pruner, before)):
            total += gone
    if marks_until is not None:
        await _run_step(writer, downsampling.reset_future_marks, marks_until)
    coarse: tuple[tuple[CoarseResolution, datetime | None], ...] = (("1m", minutes_before), ("1h", hours_before))
    for resolution, before in coarse:
        is_done = before is None
        while before is not None and not is_done:
            step = await _run_step(writer, downsampling.downsample, resolution, before)
            total, is_done = total + step.dropped, step.is_last
    while await _run_step(writer, free_pages.release_free_pages):
        pass
    return total


async def _run_step(
    writer: Writer, step: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run one step of many, then leave the database to other writers for as long as the step took."""
    began_s = time.monotonic()
    result = await writer.run(step, *args, **kwargs)
    await asyncio.sleep(max(MIN_STEP_PAUSE_S, time.monotonic() - began_s))
    return result
