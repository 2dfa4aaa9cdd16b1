"""`GET /actions/ID`: the story of an intent."""

from aiohttp import web

from monitor.web.pages.models.action_page import action_page
from monitor.web.pages.page_builder import REFRESH_S, PageBuilder

ANSWER_REFRESH_S = 2
"""Seconds after which a page without JavaScript shows what became of an answer."""


async def show_action(builder: PageBuilder, request: web.Request) -> web.Response:
    """Raises RecordNotFound for an unknown intent, and StoreError when the database fails."""
    action = await builder.read("action", {"id": request.match_info["id"]})
    status, alerts = await builder.read_status(), await builder.read_items("alerts")
    page = await builder.build(
        action_page,
        action,
        status,
        alerts,
        builder.read_faults(),
        builder.stable_assets(),
        request.query.get("answer", ""),
    )
    return await builder.page(
        request,
        "action.html",
        title=page.title,
        tone=page.tone,
        generated_at=status["generated_at"],
        refresh_s=ANSWER_REFRESH_S if page.answer else REFRESH_S,
        page=page,
    )
