"""Connections of the server: what the HTTP library itself answers and logs, without a word of the request."""

import asyncio
import logging

from aiohttp import web

from monitor.web.errors import error_from_http, json_error
from monitor.web.security.response_headers import SECURITY_HEADERS
from monitor.web.settings import WebStatistics

log = logging.getLogger(__name__)


class RequestProtocol(web.RequestHandler):
    """A connection. A request that can't be read gets a fixed answer and is counted: its text may hold a secret."""

    __slots__ = ("_statistics",)

    def __init__(self, server: web.Server, statistics: WebStatistics, **settings: object) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **settings)  # type: ignore[arg-type]
        self._statistics = statistics

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to a request that no handler saw. Raises ConnectionError where nobody waits for one."""
        if request.transport is None or request.writer.output_size > 0:
            raise ConnectionResetError
        if status == web.HTTPBadRequest.status_code:
            self._statistics.unreadable_requests += 1
            return _last_answer(web.HTTPBadRequest())
        self.log_exception("no handler answered", exc_info=exc)
        return _last_answer(web.HTTPInternalServerError())

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer. One to an unknown `Expect` comes before any handler, too, and would quote it."""
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = _last_answer(web.HTTPExpectationFailed())
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: object, **kw: object) -> None:
        """Log the type of an error alone: its text may quote the request."""
        log.error("web.connection_failed cause=%s", type(kw.get("exc_info")).__name__)

    def log_debug(self, *args: object, **kw: object) -> None:
        """Log nothing: clients that go away are no news."""


def _last_answer(error: web.HTTPException) -> web.Response:
    """Return the document of the error, after which the connection is closed."""
    answer = json_error(error_from_http(error))
    answer.headers.update(SECURITY_HEADERS)
    answer.force_close()
    return answer


class PageRunner(web.AppRunner):
    """The runner of the application, which makes the protocol of each connection."""

    __slots__ = ("_statistics",)

    def __init__(self, app: web.Application, statistics: WebStatistics, **settings: object) -> None:
        super().__init__(app, handle_signals=False, access_log=None, **settings)  # type: ignore[arg-type]
        self._statistics = statistics

    def new_protocol(self) -> RequestProtocol:
        """Return the protocol of a new connection."""
        assert self.server is not None
        return RequestProtocol(self.server, self._statistics, **self._kwargs)
