"""What the handlers of all pages share: reading documents, the frame of a page, and the answer."""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from aiohttp import hdrs, web

from monitor.core.numbers.durations import format_rfc3339
from monitor.errors import StoreError
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.context import WebContext
from monitor.web.pages.models.health import WatchFaults
from monitor.web.pages.models.words import PageTone
from monitor.web.pages.renderer import PageFrame, PageRenderer
from monitor.web.pages.static_files import read_static_files
from monitor.web.port import DocumentName

P = ParamSpec("P")
T = TypeVar("T")

REFRESH_S = 15
"""Seconds after which a page without JavaScript loads itself anew."""

FORM_REFRESH_S = 60
"""The same for a page on which a comment can be typed, which is lost then."""

READ_TIMEOUT_S = 4.0
"""Machine seconds that a document may take that a page can do without."""


class PageBuilder:
    """Builds pages from documents."""

    def __init__(self, context: WebContext) -> None:
        self.context = context
        self.static = read_static_files()
        self._renderer = PageRenderer()

    async def read(self, name: DocumentName, query: Mapping[str, str] | None = None) -> Any:
        """Return a document. Raises StoreError when the database fails, and RecordNotFound for an unknown number."""
        return (await self.context.documents.read(name, dict(query or {}))).document

    async def read_if_possible(self, name: DocumentName, query: Mapping[str, str] | None = None) -> Any:
        """Return a document; None while the database can't be read, or does not answer: the levels can be shown."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return await self.read(name, query)
        except (StoreError, TimeoutError):
            return None

    async def read_items(self, name: DocumentName, query: Mapping[str, str] | None = None) -> list[Any] | None:
        """Return the items of a list; None while the database can't be read."""
        document = await self.read_if_possible(name, query)
        return None if document is None else cast("list[Any]", document["items"])

    async def read_status(self) -> StatusDocument:
        return cast("StatusDocument", await self.read("status"))

    def read_faults(self) -> WatchFaults:
        """Return the faults of the daemon, from memory."""
        health = self.context.health
        return WatchFaults(tuple(health.problems()), dict(health.channel_problems()))

    def stable_assets(self) -> frozenset[str]:
        """Return the assets whose price is taken as fixed, in any account."""
        accounts = self.context.figures.take_view().accounts
        return frozenset(asset for account in accounts for asset in account.settings.stable_assets)

    async def build(self, model: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return a view model, made in a thread: with many scopes it takes longer than an alert may wait."""
        return await self.context.workers.run(model, *args, **kwargs)

    async def page(
        self,
        request: web.Request,
        template: str,
        *,
        title: str,
        tone: PageTone,
        generated_at: str = "",
        refresh_s: int = 0,
        is_live: bool = True,
        status: int = 200,
        **content: object,
    ) -> web.Response:
        """Return the answer with the page, made in a thread; `content` by the names that the template uses."""
        settings = self.context.settings
        frame = PageFrame(
            title=title,
            tone=tone,
            generated_at=generated_at or format_rfc3339(self.context.clock.now()),
            path=request.rel_url.raw_path,
            form_token=self.context.form_token(request),
            has_token=settings.has_token,
            version=settings.version,
            static_version=self.static.version,
            refresh_s=refresh_s,
            is_live=is_live,
        )
        text = await self.context.workers.run(self._renderer.render, template, frame, **content)
        return web.Response(text=text, content_type="text/html", status=status)

    def send_static(self, request: web.Request) -> web.Response:
        """Return a file by its exact name. With its version in the address a browser may keep it for good."""
        file = self.static.files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        is_current = hmac.compare_digest(request.query.get("v", "").encode(), self.static.version.encode())
        keep = "public, max-age=31536000, immutable" if is_current else "no-cache"
        response = web.Response(body=file.body, content_type=file.content_type, headers={hdrs.CACHE_CONTROL: keep})
        response.enable_compression()
        return response


def find_account(status: StatusDocument, name: str | None) -> AccountDocument | None:
    return next((account for account in status["accounts"] if account["account"] == name), None)
