"""The text of `/metrics`, made in a thread beside the event loop."""

import time

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


def render_metrics(view: DaemonView, web: WebCounts) -> bytes:
    """Return all metrics of the view."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DaemonCollector(view, web))
    slices = _Slices()
    figures = render_figures(view, slices.pause).encode()
    slices.pause()
    return generate_latest(registry) + figures


class _Slices:
    """Work in short slices, with pauses in which other threads run."""

    def __init__(self) -> None:
        self._began_at = time.perf_counter()

    def pause(self) -> None:
        """Pause for a moment if the slice is over."""
        if time.perf_counter() - self._began_at >= SLICE_S:
            time.sleep(PAUSE_S)
            self._began_at = time.perf_counter()
