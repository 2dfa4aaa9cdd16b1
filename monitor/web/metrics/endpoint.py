"""`GET /metrics`: the figures of now for Prometheus, made once for all who ask at the same time."""

import asyncio
import time

from aiohttp import web

from monitor.web.context import WebContext
from monitor.web.metrics.daemon_view import DaemonView, WebCounts
from monitor.web.settings import WebStatistics

PATH = "/metrics"

SHARE_S = 0.5
"""Machine seconds for which a text serves all scrapes: however often it is asked for, it is made twice a second."""


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add `/metrics` to the application."""
    app.router.add_get(PATH, MetricsEndpoint(context).answer)


class MetricsEndpoint:
    """The text of `/metrics`, made in a thread from a view of the daemon that is taken in the event loop."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._text: asyncio.Task[tuple[str, bytes]] | None = None
        self._asked_at = float("-inf")

    async def answer(self, request: web.Request) -> web.Response:
        """Return the metrics of this moment, or those that were asked for within the last half second."""
        text, now = self._text, time.monotonic()
        if text is None or (text.done() and (_has_failed(text) or now - self._asked_at >= SHARE_S)):
            view, counts = self._context.figures.take_view(), _web_counts(self._context.statistics)
            # A thread can't be interrupted: whoever goes away leaves its text to the next.
            text = self._text = asyncio.create_task(self._context.workers.run(_render, view, counts), name="metrics")
            self._asked_at = now
        content_type, body = await asyncio.shield(text)
        return web.Response(body=body, headers={"Content-Type": content_type})


def _has_failed(text: "asyncio.Task[tuple[str, bytes]]") -> bool:
    return text.cancelled() or text.exception() is not None


def _render(view: DaemonView, counts: WebCounts) -> tuple[str, bytes]:
    """Return content type and text. The library is loaded here, so that nobody but a scrape pays for it."""
    from monitor.web.metrics.exposition import CONTENT_TYPE, render_metrics

    return CONTENT_TYPE, render_metrics(view, counts)


def _web_counts(statistics: WebStatistics) -> WebCounts:
    return {
        "web_restarts_total": statistics.restarts,
        "web_listen_failures_total": statistics.listen_failures,
        "web_connections": statistics.connections,
        "web_refused_connections_total": statistics.refused_connections,
        "web_unreadable_requests_total": statistics.unreadable_requests,
        "web_live_readers": statistics.live_readers,
    }
