"""The status page: the verdict, the worst scope, and everything that is being done."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.action import ActionView, BlockView, action_view, block_views
from monitor.web.pages.models.alert import AlertView, firing_views
from monitor.web.pages.models.health import HealthLine, WatchFaults, health_line
from monitor.web.pages.models.scope import ScopeView, account_path, scope_views
from monitor.web.pages.models.verdict import PageVerdict, judge_all
from monitor.web.pages.models.words import parse_time

MAX_ROWS = 24
"""Scopes shown besides the worst one; calmer ones stand on their account's page."""

MAX_ALERTS = 6
"""Alerts shown at once; the milder ones open on demand."""

MAX_FINISHED = 3
"""Finished actions shown of an alert that still fires."""


@dataclass(frozen=True, slots=True)
class AccountGroup:
    """An account with the scopes shown of it; `hidden` more stand on its page. `note`: why nothing is known of it."""

    name: str
    href: str
    scopes: tuple[ScopeView, ...]
    hidden: int
    note: str


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The status page. `alerts_known` is False while the database can't be read."""

    verdict: PageVerdict
    worst: ScopeView | None
    groups: tuple[AccountGroup, ...]
    alerts: tuple[AlertView, ...]
    milder: tuple[AlertView, ...]
    alerts_known: bool
    under_way: tuple[ActionView, ...]
    finished: tuple[ActionView, ...]
    blocks: tuple[BlockView, ...]
    health: HealthLine
    is_paused: bool
    generated_at: str


def overview_page(
    status: StatusDocument,
    alerts: Sequence[AlertDocument] | None,
    actions: Sequence[ActionDocument] | None,
    faults: WatchFaults,
    stables: frozenset[str],
) -> OverviewPage:
    """The page. `alerts` and `actions` are None while the database can't be read."""
    now = parse_time(status["generated_at"])
    scopes = sorted(
        (view for account in status["accounts"] for view in scope_views(account, stables)),
        key=lambda view: view.order,
    )
    shown = [view for view in scopes if view.tone != "dim"]
    worst = shown[0] if shown else None
    firing = firing_views(alerts or (), now)
    # A milder rung of the same ladder says nothing new.
    loud = [view for view in firing if view.inhibited_by is None]
    intents = [action_view(action, now) for action in actions or ()]
    open_alerts = {view.id for view in firing}
    finished = [view for view in intents if not view.is_under_way and view.alert in open_alerts]
    return OverviewPage(
        verdict=judge_all(status, scopes, alerts, faults),
        worst=worst,
        groups=_groups(status["accounts"], [view for view in scopes if view is not worst]),
        alerts=tuple(loud[:MAX_ALERTS]),
        milder=(*loud[MAX_ALERTS:], *(view for view in firing if view.inhibited_by is not None)),
        alerts_known=alerts is not None,
        under_way=tuple(view for view in intents if view.is_under_way),
        finished=tuple(finished[:MAX_FINISHED]),
        blocks=tuple(block for account in status["accounts"] for block in block_views(account)),
        health=health_line(status, alerts, faults),
        is_paused=status["daemon"]["paused"],
        generated_at=status["generated_at"],
    )


def _groups(accounts: Sequence[AccountDocument], views: Sequence[ScopeView]) -> tuple[AccountGroup, ...]:
    """Each account with its scopes, as far as there is room for the worst of all."""
    kept = {id(view) for view in views[:MAX_ROWS]}
    groups = []
    for account in accounts:
        own = [view for view in views if view.account == account["account"]]
        rows = tuple(view for view in own if id(view) in kept)
        note = {"unknown": "nothing was read of it yet", "key_refused": "the exchange refuses its key"}
        groups.append(
            AccountGroup(
                account["account"],
                account_path(account["account"]),
                rows,
                len(own) - len(rows),
                note.get(account["state"], ""),
            )
        )
    return tuple(groups)
