"""`POST /login` and `POST /logout`: the session of the page."""

from aiohttp import web

from monitor.web.context import WebContext
from monitor.web.security.forms import next_page


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add the routes of the session."""

    async def log_in(request: web.Request) -> web.StreamResponse:
        response = await _see_other(request)
        await context.access.log_in(request, response)
        return response

    async def log_out(request: web.Request) -> web.StreamResponse:
        response = await _see_other(request)
        await context.access.log_out(request, response)
        return response

    app.router.add_post("/login", log_in)
    app.router.add_post("/logout", log_out)


async def _see_other(request: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": await next_page(request)})
