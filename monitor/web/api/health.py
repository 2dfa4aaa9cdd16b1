"""`/healthz`: the process turns. `/readyz`: the reasons why the daemon is not ready."""

from aiohttp import web

from monitor.web.context import WebContext


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add `/healthz` and `/readyz`."""

    async def report_life(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def report_readiness(_: web.Request) -> web.Response:
        problems = context.health.problems()
        if problems:
            return web.Response(status=503, text="".join(f"{problem}\n" for problem in problems))
        return web.Response(text="ready\n")

    app.router.add_get("/healthz", report_life)
    app.router.add_get("/readyz", report_readiness)
