"""The status page: the verdict, the worst scope, and everything that is being done."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.action import ActionView, BlockView, action_view, block_views
from monitor.web.pages.models.alert import AlertView, firing_views
from monitor.web.pages.models.health import HealthLine, health_line
from monitor.web.pages.models.scope import ScopeView, account_path, scope_views
from monitor.web.pages.models.words import PageTone, parse_time

MAX_ROWS = 24
"""Scopes shown besides the worst one; calmer ones stand on their account's page."""

MAX_ALERTS = 6
"""Alerts shown at once; the milder ones open on demand."""

MAX_FINISHED = 3
"""Finished actions shown of an alert that still fires."""


@dataclass(frozen=True, slots=True)
class PageVerdict:
    """The answer to "am I in danger": a few words, a sentence, and the title of the window."""

    tone: PageTone
    words: str
    detail: str
    title: str


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
    reasons: Sequence[str],
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
        verdict=_verdict(status, worst, loud, reasons, alerts_known=alerts is not None),
        worst=worst,
        groups=_groups(status["accounts"], [view for view in scopes if view is not worst]),
        alerts=tuple(loud[:MAX_ALERTS]),
        milder=(*loud[MAX_ALERTS:], *(view for view in firing if view.inhibited_by is not None)),
        alerts_known=alerts is not None,
        under_way=tuple(view for view in intents if view.is_under_way),
        finished=tuple(finished[:MAX_FINISHED]),
        blocks=tuple(block for account in status["accounts"] for block in block_views(account)),
        health=health_line(status, alerts, reasons),
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
        note = {"unknown": "nothing is known of it yet", "key_refused": "the exchange refuses its key"}
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


def _verdict(
    status: StatusDocument,
    worst: ScopeView | None,
    firing: Sequence[AlertView],
    reasons: Sequence[str],
    *,
    alerts_known: bool,
) -> PageVerdict:
    """The verdict on everything that is watched; calm only where all of it is known."""
    if not status["daemon"]["running"]:
        detail = "Nothing is watched. What you see is what was last recorded."
        return PageVerdict("old", "No daemon is running", detail, "NO DAEMON · margin-monitor")
    refused = [account["account"] for account in status["accounts"] if account["state"] == "key_refused"]
    if refused:
        words = f"The exchange refuses the key of {' and '.join(refused)}"
        return PageVerdict(
            "bad", words, "Nothing new is read there until the key works again.", "KEY REFUSED · margin-monitor"
        )
    verdict = _scope_verdict(worst, firing)
    if verdict.tone == "bad":
        return verdict
    unknown = [account["account"] for account in status["accounts"] if account["state"] == "unknown"]
    if unknown:
        words = f"Nothing is known of {' and '.join(unknown)} yet"
        rest = "" if worst is None else f"Of what is known: {worst.name}, {worst.verdict}."
        return PageVerdict("old", words, rest, f"UNKNOWN · {' and '.join(unknown)}")
    if verdict.tone == "good" and (reasons or not alerts_known):
        return PageVerdict("note", f"{verdict.words}, but the watch has faults", verdict.detail, verdict.title)
    return verdict


def _scope_verdict(worst: ScopeView | None, firing: Sequence[AlertView]) -> PageVerdict:
    """The verdict by the worst scope and the alerts that fire, the worse of both first."""
    where = "" if worst is None else f"{worst.name}: {worst.verdict}"
    title = "" if worst is None else f"{worst.level} {worst.verdict} · {worst.name}"
    if worst is not None and worst.tone == "bad":
        return PageVerdict("bad", "In danger", where, title)
    critical = [view for view in firing if view.tone == "bad"]
    if critical:
        words = "A critical alert fires" if len(critical) == 1 else f"{len(critical)} critical alerts fire"
        about = f"{critical[0].about}: {critical[0].summary}"
        return PageVerdict("bad", words, about, f"CRITICAL · {about}")
    if worst is not None and worst.tone == "old":
        age = f" {worst.read_age.words}" if worst.read_age is not None else ""
        return PageVerdict("old", "Do not rely on these figures", where, f"OLD{age} · {worst.name}")
    if worst is not None and worst.tone == "note":
        return PageVerdict("note", "Take care", where, title)
    owes = worst is not None and not worst.is_debt_free
    calm = "Above every threshold" if owes else "Nothing is owed"
    nearest = f"Nearest to liquidation is {worst.name}." if worst is not None and owes else ""
    title = title if owes else f"{calm} · margin-monitor"
    if any(view.tone == "note" for view in firing):
        return PageVerdict("note", f"{calm}, but warnings fire", nearest, title)
    return PageVerdict("good", calm, nearest, title)
