"""The HTTP application: routes of all parts, and what holds for each request and each response."""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from monitor.errors import MonitorError
from monitor.web.api import commands, documents, health, live, openapi
from monitor.web.context import WebContext
from monitor.web.errors import error_from_http, json_error, redact_error, status_of
from monitor.web.metrics import endpoint
from monitor.web.pace import RequestPace
from monitor.web.pages import routes as pages
from monitor.web.protocol import PageRunner
from monitor.web.security import login
from monitor.web.security.access import MAX_BODY_BYTES
from monitor.web.security.refusal import RequestRefused
from monitor.web.security.response_headers import SECURITY_HEADERS

log = logging.getLogger(__name__)

HANDLER_TIMEOUT_S = 10.0
"""Machine seconds that a request may take; live events are exempt."""

SHUTDOWN_TIMEOUT_S = 1.0
"""Machine seconds that answers under way have when the server ends."""


KEEP_ALIVE_S = 15.0
LINGERING_S = 1.0
MAX_LINE_BYTES = 8_190
MAX_HEADERS = 64


def build_runner(context: WebContext) -> PageRunner:
    """Return the runner of the application, which is given accepted connections."""
    return PageRunner(
        build_application(context),
        context.statistics,
        keepalive_timeout=KEEP_ALIVE_S,
        lingering_time=LINGERING_S,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
        max_headers=MAX_HEADERS,
        # A compressed body could become a thousand times larger.
        auto_decompress=False,
        shutdown_timeout=SHUTDOWN_TIMEOUT_S,
    )


def build_application(context: WebContext) -> web.Application:
    """Return the application with the routes of the API, the pages and the metrics."""
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[_track_connection(context), _answer_errors(context.redact), _limit_time, _check_request(context)],
    )
    app.on_response_prepare.append(_add_headers)

    async def close_workers(_: web.Application) -> None:
        context.workers.close()

    app.on_cleanup.append(close_workers)
    for part in (documents, commands, live, openapi, health, login, endpoint, pages):
        part.add_routes(app, context)
    return app


def _track_connection(context: WebContext) -> Middleware:
    pace = RequestPace()

    @web.middleware
    async def track(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep the deadline of the connection, and the pace of all requests; drop one whose sender left meanwhile."""
        if request.transport is None:
            raise ConnectionResetError
        context.connections.begin_request(request.protocol, request.transport)
        try:
            if not await pace.wait():
                return _refuse_for_pace()
            if request.transport is None:
                raise ConnectionResetError
            return await handler(request)
        finally:
            context.connections.end_request(request.protocol)

    return track


def _refuse_for_pace() -> web.Response:
    """Return the cheapest answer, after which the connection is closed: the pace of new ones is bounded, too."""
    refusal = RequestRefused(503, "busy", "too much is asked for at a time", mend="try again in a moment")
    answer = json_error(refusal)
    answer.force_close()
    return answer


def _answer_errors(redact: Callable[[str], str]) -> Middleware:
    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn every error into an answer without known secrets; an unexpected one is logged and never shown."""
        try:
            return await handler(request)
        except web.HTTPRedirection:
            raise
        except web.HTTPException as error:
            return await _error_answer(request, error_from_http(error))
        except MonitorError as error:
            if status_of(error) == 500:
                log.error("web.failed path=%s cause=%s", request.path, error)
            redact_error(error, redact)
            return await _error_answer(request, error)
        except TimeoutError:
            return await _error_answer(
                request, RequestRefused(503, "timeout", "the answer took too long", mend="try again")
            )
        except Exception as error:
            log.exception("web.failed path=%s cause=%s", request.path, type(error).__name__)
            return json_error(RequestRefused(500, "bug", "this is a bug", mend="look into the daemon's log"))

    return answer


async def _error_answer(request: web.Request, error: MonitorError) -> web.Response:
    """Return a page for a browser, and a document for a program."""
    return await pages.error_page(request, error) or json_error(error)


@web.middleware
async def _limit_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path == live.PATH:
        return await handler(request)
    async with asyncio.timeout(HANDLER_TIMEOUT_S):
        return await handler(request)


def _check_request(context: WebContext) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse a request for another host, and one with a body that is too large, before anything is read."""
        context.access.require_known_host(request)
        if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length)
        return await handler(request)

    return check


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of every answer. Files that never change under their address say themselves how long to keep."""
    kept = response.headers.get(hdrs.CACHE_CONTROL)
    response.headers.update(SECURITY_HEADERS)
    if kept is not None:
        response.headers[hdrs.CACHE_CONTROL] = kept
