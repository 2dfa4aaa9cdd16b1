"""`GET /actions/ID`: the story of an intent."""

from dataclasses import dataclass

from aiohttp import web

from monitor.web.pages.models.action import ActionView, action_view
from monitor.web.pages.models.words import parse_time
from monitor.web.pages.page_builder import PageBuilder

ANSWERS = ("approved", "rejected")

ANSWER_REFRESH_S = 2
"""Seconds after which a page without JavaScript shows what became of an answer."""


@dataclass(frozen=True, slots=True)
class ActionPage:
    """One intent, and whether all actions are paused. `answer`: the person's, until the daemon has taken it up."""

    action: ActionView
    is_paused: bool
    answer: str


async def show_action(builder: PageBuilder, request: web.Request) -> web.Response:
    """Raises RecordNotFound for an unknown intent, and StoreError when the database fails."""
    action = await builder.read("action", {"id": request.match_info["id"]})
    status = await builder.read_status()
    view = action_view(action, parse_time(status["generated_at"]))
    answer = request.query.get("answer", "") if view.waits_for_approval else ""
    return await builder.page(
        request,
        "action.html",
        title=f"{view.headline}: {view.state_words} · margin-monitor",
        tone=view.tone,
        generated_at=status["generated_at"],
        refresh_s=ANSWER_REFRESH_S if answer in ANSWERS else 0,
        page=ActionPage(view, status["daemon"]["paused"], answer if answer in ANSWERS else ""),
    )
