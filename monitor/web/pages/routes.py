"""The routes of the pages, and the answer to a browser whose request failed."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from monitor.errors import MonitorError
from monitor.web.context import WebContext
from monitor.web.pages.handlers.account import show_account
from monitor.web.pages.handlers.action import show_action
from monitor.web.pages.handlers.alert import expire_silence, show_alert
from monitor.web.pages.handlers.message import busy_page, show_error, show_login
from monitor.web.pages.handlers.overview import show_overview
from monitor.web.pages.page_builder import PageBuilder
from monitor.web.security.forms import is_form
from monitor.web.security.refusal import RequestRefused

NUMBER = "{id:[1-9][0-9]{0,17}}"

BUILDER = web.AppKey("page_builder", PageBuilder)

Page = Callable[[PageBuilder, web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add the pages, the login form, and their static files."""
    builder = PageBuilder(context)
    app[BUILDER] = builder

    def bound(page: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return await page(builder, request)

        return handle

    async def log_in(request: web.Request) -> web.Response:
        return await show_login(builder, request)

    async def send_static(request: web.Request) -> web.Response:
        return builder.send_static(request)

    app.router.add_get("/", bound(show_overview))
    app.router.add_get("/account/{name:.+}", bound(show_account))
    app.router.add_get(f"/alerts/{NUMBER}", bound(show_alert))
    app.router.add_get(f"/actions/{NUMBER}", bound(show_action))
    app.router.add_post(f"/silences/{NUMBER}/expire", bound(expire_silence))
    app.router.add_get("/login", log_in)
    app.router.add_get("/static/{name:.+}", send_static)


async def error_page(request: web.Request, error: MonitorError) -> web.Response | None:
    """Return the page that says why a browser's request failed; None where a program asked."""
    builder = request.app.get(BUILDER)
    is_page = not request.path.startswith(("/api/", "/metrics", "/healthz", "/readyz"))
    wants_page = is_form(request) or "text/html" in request.headers.get(hdrs.ACCEPT, "")
    if builder is None or not wants_page or not (is_page or is_form(request)):
        return None
    try:
        return await show_error(builder, request, error)
    except RequestRefused as busy:
        return busy_page(busy)
