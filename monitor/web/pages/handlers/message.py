"""The login form, and pages that say why a request failed."""

from collections.abc import Mapping

from aiohttp import hdrs, web

from monitor.errors import MonitorError
from monitor.web.errors import status_of
from monitor.web.pages.page_builder import PageBuilder
from monitor.web.security.forms import next_page
from monitor.web.security.refusal import RequestRefused

_HEADINGS: Mapping[int, str] = {
    400: "That can't be done",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    409: "It was not done",
    421: "Wrong address",
    503: "Not available now",
}

_BUSY_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not available now · margin-monitor</title><link rel="stylesheet" href="/static/page.css"></head>
<body><main><section class="verdict old"><h1>Not available now</h1><p>Too much is asked for at a time.</p></section>
<p>Try again in a moment: <a href="/">to the overview</a>. The watch goes on.</p></main></body></html>
"""


async def show_login(builder: PageBuilder, request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """Return the login form; `problem` says why the last try failed, whose form named the page to follow."""
    follows = await next_page(request) if request.method == hdrs.METH_POST else request.query.get("next", "/")
    return await builder.page(
        request,
        "login.html",
        title="Log in · margin-monitor",
        tone="dim",
        is_live=False,
        status=status,
        problem=problem,
        next=follows,
    )


def busy_page(error: RequestRefused) -> web.Response:
    """Return the page of a server that is too busy to make one: nothing is worked out for it."""
    return web.Response(text=_BUSY_PAGE, content_type="text/html", status=error.status)


async def show_error(builder: PageBuilder, request: web.Request, error: MonitorError) -> web.Response:
    """Return the page for a request that failed; after a wrong token the login form again."""
    status = status_of(error)
    if request.path == "/login" and status in (401, 429):
        response = await show_login(builder, request, ": ".join(filter(None, (error.message, error.mend))), status)
    else:
        response = await builder.page(
            request,
            "error.html",
            title=f"{_HEADINGS.get(status, 'Error')} · margin-monitor",
            tone="old",
            is_live=False,
            status=status,
            heading=_HEADINGS.get(status, "That went wrong"),
            message=error.message,
            mend=error.mend,
            login=status == 401,
        )
    if isinstance(error, RequestRefused):
        # A browser that is asked for a password shows a box of its own.
        response.headers.update({name: value for name, value in error.headers.items() if name != "WWW-Authenticate"})
    return response
