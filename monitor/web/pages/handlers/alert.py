"""`GET /alerts/ID`, and the form that ends a silence."""

import asyncio

from aiohttp import hdrs, web

from monitor.web.pages.models.alert_page import alert_page
from monitor.web.pages.page_builder import FORM_REFRESH_S, REFRESH_S, PageBuilder
from monitor.web.security.forms import next_page


async def show_alert(builder: PageBuilder, request: web.Request) -> web.Response:
    """Raises RecordNotFound for an unknown alert, and StoreError when the database fails."""
    alert = await builder.read("alert", {"id": request.match_info["id"]})
    status = await builder.read_status()
    alerts, silences, actions = await asyncio.gather(
        builder.read_items("alerts"),
        builder.read_items("silences"),
        builder.read_items("actions", {"all": "true", "limit": "300"}),
    )
    faults, stables = builder.read_faults(), builder.stable_assets()
    page = await builder.build(alert_page, alert, status, alerts, faults, silences, actions, stables)
    return await builder.page(
        request,
        "alert.html",
        title=page.title,
        tone=page.tone,
        generated_at=status["generated_at"],
        refresh_s=FORM_REFRESH_S if builder.context.form_token(request) else REFRESH_S,
        page=page,
    )


async def expire_silence(builder: PageBuilder, request: web.Request) -> web.Response:
    """End a silence: a form can't send DELETE."""
    by = await builder.context.require_write(request)
    await builder.context.commands.expire_silence(int(request.match_info["id"]), by)
    return web.Response(status=303, headers={hdrs.LOCATION: await next_page(request)})
