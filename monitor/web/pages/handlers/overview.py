"""`GET /`: the status page."""

import asyncio

from aiohttp import web

from monitor.web.pages.models.overview import overview_page
from monitor.web.pages.page_builder import REFRESH_S, PageBuilder


async def show_overview(builder: PageBuilder, request: web.Request) -> web.Response:
    """Answer from memory where the database fails."""
    status = await builder.read_status()
    alerts, actions = await asyncio.gather(
        builder.read_items("alerts"), builder.read_items("actions", {"all": "true", "limit": "50"})
    )
    faults, stable = builder.read_faults(), builder.stable_assets()
    page = await builder.build(overview_page, status, alerts, actions, faults, stable)
    return await builder.page(
        request,
        "overview.html",
        title=page.verdict.title,
        tone=page.verdict.tone,
        generated_at=page.generated_at,
        refresh_s=REFRESH_S,
        page=page,
    )
