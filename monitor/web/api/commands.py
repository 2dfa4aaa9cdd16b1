"""POST and DELETE of commands of people: the same as on the command line, from the page or a program."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from monitor.view.json_values import Document, encode_value
from monitor.web.api.body import CommandFields, read_fields
from monitor.web.context import WebContext
from monitor.web.security.forms import next_page

NUMBER = "{id:[1-9][0-9]{0,17}}"

Command = Callable[[web.Request, str], Awaitable[tuple[Document, str]]]
"""Carries out a command for its author; the answer is a document, and the page that shows it."""


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add one route for each command."""
    commands = context.commands

    async def acknowledge(request: web.Request, by: str) -> tuple[Document, str]:
        fields = await read_fields(request, ("comment",))
        alert = _number(request)
        return await commands.acknowledge(alert, fields.text("comment"), by), f"/alerts/{alert}"

    async def add_silence(request: web.Request, by: str) -> tuple[Document, str]:
        fields = await read_fields(
            request, ("matchers", "duration", "comment", "include_critical"), repeated=("matchers",)
        )
        return await commands.add_silence(*_silence_arguments(fields), by), "/"

    async def expire_silence(request: web.Request, by: str) -> tuple[Document, str]:
        await read_fields(request, ())
        return await commands.expire_silence(_number(request), by), "/"

    async def pause(request: web.Request, by: str) -> tuple[Document, str]:
        await read_fields(request, ())
        return await commands.set_paused(True, by), "/"

    async def resume(request: web.Request, by: str) -> tuple[Document, str]:
        await read_fields(request, ())
        return await commands.set_paused(False, by), "/"

    async def approve(request: web.Request, by: str) -> tuple[Document, str]:
        await read_fields(request, ())
        intent = _number(request)
        return await commands.decide(intent, True, by), f"/actions/{intent}"

    async def reject(request: web.Request, by: str) -> tuple[Document, str]:
        await read_fields(request, ())
        intent = _number(request)
        return await commands.decide(intent, False, by), f"/actions/{intent}"

    async def request_drill(request: web.Request, by: str) -> tuple[Document, str]:
        fields = await read_fields(request, ("rule",))
        return await commands.request_drill(fields.text("rule"), by), "/"

    routes: tuple[tuple[str, str, Command], ...] = (
        ("POST", f"/api/v1/alerts/{NUMBER}/ack", acknowledge),
        ("POST", "/api/v1/silences", add_silence),
        ("DELETE", f"/api/v1/silences/{NUMBER}", expire_silence),
        ("POST", "/api/v1/actions/pause", pause),
        ("POST", "/api/v1/actions/resume", resume),
        ("POST", f"/api/v1/actions/{NUMBER}/approve", approve),
        ("POST", f"/api/v1/actions/{NUMBER}/reject", reject),
        ("POST", "/api/v1/drill", request_drill),
    )
    for method, path, command in routes:
        app.router.add_route(method, path, _handler(context, command))


def _handler(context: WebContext, command: Command) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        by = await context.require_write(request)
        document, page = await command(request, by)
        if request.content_type == "application/x-www-form-urlencoded":
            return web.Response(status=303, headers={"Location": await next_page(request, page)})
        return web.Response(text=encode_value(document), content_type="application/json")

    return handle


def _number(request: web.Request) -> int:
    return int(request.match_info["id"])


def _silence_arguments(fields: CommandFields) -> tuple[list[str], str, str, bool]:
    return fields.matchers("matchers"), fields.text("duration"), fields.text("comment"), fields.flag("include_critical")
