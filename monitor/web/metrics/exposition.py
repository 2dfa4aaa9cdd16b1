"""The text of `/metrics`, made in a thread beside the event loop."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from monitor.web.metrics.collector import DaemonCollector
from monitor.web.metrics.daemon_view import DaemonView, WebCounts
from monitor.web.metrics.figures import render_figures

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

SLICE_S = 0.0002
"""Machine seconds of work after which the thread pauses.

Threads of one interpreter run in turns, and one that computes gives way after five milliseconds only: the event loop
would wait as long at each of its steps.
"""

PAUSE_S = 0.00005

GROWTH = 0.02
"""Share of the time taken so far that a slice may last, once that is more than SLICE_S."""


def render_metrics(view: DaemonView, web: WebCounts) -> bytes:
    """Return all metrics of the view."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DaemonCollector(view, web))
    slices = WorkSlices()
    figures = render_figures(view, slices.pause).encode()
    slices.pause()
    return generate_latest(registry) + figures


class WorkSlices:
    """Work in short slices, with pauses in which other threads run.

    On a busy machine each pause takes long, so the slices grow with the time that the work has taken.
    """

    def __init__(
        self, machine_time: Callable[[], float] = time.perf_counter, sleep: Callable[[float], None] = time.sleep
    ):
        self._time = machine_time
        self._sleep = sleep
        self._started_at = self._slice_began_at = machine_time()

    def pause(self) -> None:
        """Pause for a moment if the slice is over."""
        now = self._time()
        if now - self._slice_began_at >= max(SLICE_S, GROWTH * (now - self._started_at)):
            self._sleep(PAUSE_S)
            self._slice_began_at = self._time()
