"""GET of the documents that the reading commands print with `--json`."""

from typing import get_args

from aiohttp import web

from monitor.errors import UsageError
from monitor.web.context import WebContext
from monitor.web.port import ApiDocument


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add one route for each document."""

    def add(name: ApiDocument) -> None:
        async def send(request: web.Request) -> web.Response:
            query = {key: request.query.getall(key) for key in request.query}
            for key, values in query.items():
                if not all(value.isprintable() for value in values):
                    raise UsageError("holds a character that can't be shown", where=key[:40], mend="write it anew")
            found = await context.documents.read(name, query)
            return web.Response(body=found.text, content_type="application/json")

        app.router.add_get(f"/api/v1/{name}", send)

    for name in get_args(ApiDocument):
        add(name)
