"""The text of `/metrics`, made in a thread beside the event loop."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from monitor.web.metrics.collector import DaemonCollector
from monitor.web.metrics.daemon_view import DaemonView, WebCounts
from monitor.web.metrics.figures import render_figures

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

INTERRUPTED_S = 0.0002
"""Machine seconds for which another thread must have had the interpreter between two calls of `yield_turn`."""

PAUSE_S = 0.0005
MAX_PAUSES = 10
"""Number of pauses at most: on a machine that is busy with other programs each piece of work looks interrupted."""


def render_metrics(view: DaemonView, web: WebCounts) -> bytes:
    """Return all metrics of the view."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DaemonCollector(view, web))
    courtesy = ThreadCourtesy()
    figures = render_figures(view, courtesy.yield_turn).encode()
    courtesy.yield_turn()
    return generate_latest(registry) + figures


class ThreadCourtesy:
    """Work that stands aside as soon as another thread of the interpreter has something to do.

    The interpreter changes threads after a turn (`SHORT_TURN_S` of the workers), so an event loop that was woken
    interrupts the work, and would be interrupted by it in turn. After an interruption the work pauses, so that the
    loop comes to the end of its step. Where nothing else runs there are no pauses, and never more than `MAX_PAUSES`.
    """

    def __init__(
        self,
        machine_time: Callable[[], float] = time.perf_counter,
        cpu_time: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._time = machine_time
        self._cpu_time = cpu_time
        self._sleep = sleep
        self._resumed_at = machine_time()
        self._idle_s = self._resumed_at - cpu_time()
        self._pauses_left = MAX_PAUSES

    def yield_turn(self) -> None:
        """Pause for a moment if the work was interrupted since the last call."""
        now = self._time()
        if now - self._resumed_at >= INTERRUPTED_S and self._pauses_left:
            idle_s = now - self._cpu_time()
            # A long piece of the work itself is no interruption.
            if idle_s - self._idle_s >= INTERRUPTED_S:
                self._pauses_left -= 1
                self._sleep(PAUSE_S)
                now = self._time()
                idle_s = now - self._cpu_time()
            self._idle_s = idle_s
        self._resumed_at = now
