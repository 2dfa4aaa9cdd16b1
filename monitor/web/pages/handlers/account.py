"""`GET /account/NAME`: one account with everything that is known of it."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.history import HistoryDocument
from monitor.web.pages.models.account import AccountRecords, ChartChoice, account_page, sorted_scopes
from monitor.web.pages.models.level_chart import CHART_SPANS, HEIGHT, WIDTH
from monitor.web.pages.models.scope import ScopeView
from monitor.web.pages.models.stress import DEFAULT_DROP
from monitor.web.pages.page_builder import REFRESH_S, PageBuilder, find_account

DEFAULT_SPAN = "24h"
MAX_DROP = 90

MAX_RECORDS = "300"
"""The newest alerts and actions that a page reads: it does so again every few seconds."""


async def show_account(builder: PageBuilder, request: web.Request) -> web.Response:
    """Answer from memory where the database fails. Raises HTTPNotFound for an unknown account."""
    status = await builder.read_status()
    account = find_account(status, request.match_info["name"])
    if account is None:
        raise web.HTTPNotFound
    scopes = await builder.build(sorted_scopes, account, builder.stable_assets())
    choice = _choice(request, scopes)
    records = await _read_records(builder, account["account"], choice, _drop(request))
    page = await builder.build(account_page, status, account, scopes, records, choice, builder.read_faults())
    return await builder.page(
        request,
        "account.html",
        title=page.verdict.title,
        tone=page.verdict.tone,
        generated_at=status["generated_at"],
        refresh_s=REFRESH_S,
        page=page,
        spans=tuple(CHART_SPANS),
        width=WIDTH,
        height=HEIGHT,
    )


async def _read_records(builder: PageBuilder, account: str, choice: ChartChoice, drop: int) -> AccountRecords:
    """Read everything that the database has; what it can't give is left out."""
    newest = {"all": "true", "limit": MAX_RECORDS}
    fires, alerts, actions, history, interest, stress, rules = await asyncio.gather(
        builder.read_items("alerts"),
        builder.read_items("alerts", newest),
        builder.read_items("actions", newest),
        _read_history(builder, account, choice),
        builder.read_if_possible("interest"),
        builder.read_if_possible("stress", {"drop": f"{drop}%"}),
        builder.read_items("rules"),
    )
    return AccountRecords(_joined(fires, alerts), actions, history, interest, stress, rules)


def _joined(
    fires: Sequence[AlertDocument] | None, newest: Sequence[AlertDocument] | None
) -> list[AlertDocument] | None:
    """The open alerts and the newest ones: one that fires for long is not among the newest."""
    if fires is None or newest is None:
        return None
    return list({alert["id"]: alert for alert in (*fires, *newest)}.values())


async def _read_history(builder: PageBuilder, account: str, choice: ChartChoice) -> HistoryDocument | None:
    if not choice.scope:
        return None
    place = {"scope": "cross"} if choice.scope == "cross" else {"scope": "isolated", "symbol": choice.scope}
    query = {"metric": "margin_level", "account": account, "since": choice.span, **place}
    found = await builder.read_items("history", query)
    return found[0] if found else None


def _choice(request: web.Request, scopes: Sequence[ScopeView]) -> ChartChoice:
    """The scope and span that are asked for; the worst scope and the last day by default."""
    labels = [scope.label for scope in scopes]
    wanted, span = request.query.get("scope", ""), request.query.get("span", DEFAULT_SPAN)
    label = wanted if wanted in labels else labels[0] if labels else ""
    return ChartChoice(label, span if span in CHART_SPANS else DEFAULT_SPAN)


def _drop(request: web.Request) -> int:
    text = request.query.get("drop", "")
    return min(max(int(text), 1), MAX_DROP) if text.isascii() and text.isdigit() and len(text) < 4 else DEFAULT_DROP
