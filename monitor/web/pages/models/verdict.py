"""The verdict of a page: the answer to "am I in danger", calm only where everything is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.alert import AlertView, firing_views
from monitor.web.pages.models.health import WatchFaults, watch_problems
from monitor.web.pages.models.scope import ScopeView
from monitor.web.pages.models.words import PageTone, parse_time


@dataclass(frozen=True, slots=True)
class PageVerdict:
    """The answer to "am I in danger": a few words, a sentence, and the title of the window.

    `is_claim`: the words say something about levels, which is only the last known once the page itself is old. `alert`:
    number of the one alert that they are about.
    """

    tone: PageTone
    words: str
    detail: str
    title: str
    is_claim: bool = True
    alert: int | None = None

    @property
    def sentence(self) -> str:
        """The words and what they are about."""
        return f"{self.words}. {self.detail}" if self.detail else self.words


def limit_to_account(status: StatusDocument, account: AccountDocument) -> StatusDocument:
    """Return the status as if this account were the only one."""
    return cast("StatusDocument", {**status, "accounts": [account]})


def judge_account(
    status: StatusDocument,
    account: AccountDocument,
    scopes: Sequence[ScopeView],
    alerts: Sequence[AlertDocument] | None,
    faults: WatchFaults,
) -> PageVerdict:
    """The verdict on one account; `scopes` are its own, `alerts` and `faults` those of all accounts."""
    name = account["account"]
    own = None if alerts is None else [alert for alert in alerts if alert["account"] == name]
    others = [one["account"] for one in status["accounts"] if one["account"] != name]
    # A message that does not leave may be one about this account, whichever alert it was that showed it.
    found = watch_problems(alerts, faults.without(others))
    return _judge(limit_to_account(status, account), scopes, own, found)


def judge_all(
    status: StatusDocument,
    scopes: Sequence[ScopeView],
    alerts: Sequence[AlertDocument] | None,
    faults: WatchFaults,
) -> PageVerdict:
    """The verdict on everything that is watched. `alerts` is None while the database can't be read."""
    return _judge(status, scopes, alerts, watch_problems(alerts, faults))


def _judge(
    status: StatusDocument,
    scopes: Sequence[ScopeView],
    alerts: Sequence[AlertDocument] | None,
    problems: Sequence[str],
) -> PageVerdict:
    """Danger first, then all that is not known, then faults of the watch."""
    shown = sorted((view for view in scopes if view.tone != "dim"), key=lambda view: view.order)
    worst = shown[0] if shown else None
    firing = firing_views(alerts or (), parse_time(status["generated_at"]))
    # A milder rung of the same ladder says nothing new.
    verdict = _known_verdict(status, worst, [view for view in firing if view.inhibited_by is None])
    if not status["daemon"]["running"]:
        last = f" {verdict.words}: {verdict.detail}" if verdict.tone == "bad" else ""
        detail = f"Nothing is watched. What you see is what was last recorded.{last}"
        tone: PageTone = "bad" if verdict.tone == "bad" else "old"
        return PageVerdict(tone, "No daemon is running", detail, "NO DAEMON · margin-monitor")
    if verdict.tone != "good" or not problems:
        return verdict
    detail = f"{problems[0][:1].upper()}{problems[0][1:]}. {verdict.detail}".rstrip()
    return PageVerdict("note", f"{verdict.words}, but the watch has faults", detail, f"FAULTS · {verdict.title}")


def _known_verdict(status: StatusDocument, worst: ScopeView | None, firing: Sequence[AlertView]) -> PageVerdict:
    """The verdict by scopes, alerts, refused keys and accounts that were not read."""
    refused = " and ".join(account["account"] for account in status["accounts"] if account["state"] == "key_refused")
    verdict = _scope_verdict(worst, firing)
    if refused and verdict.tone == "bad":
        detail = f"{verdict.detail}. The exchange refuses the key of {refused}: nothing new is read there."
        return PageVerdict("bad", verdict.words, detail, verdict.title)
    if refused:
        words = f"The exchange refuses the key of {refused}"
        return PageVerdict(
            "bad", words, "Nothing new is read there until the key works again.", "KEY REFUSED · margin-monitor"
        )
    unknown = " and ".join(account["account"] for account in status["accounts"] if account["state"] == "unknown")
    if unknown and verdict.tone != "bad":
        rest = "" if worst is None else f"Of what is known: {worst.name}, {worst.verdict}."
        return PageVerdict("old", f"Nothing was read of {unknown} yet", rest, f"UNKNOWN · {unknown}")
    return verdict


def _scope_verdict(worst: ScopeView | None, firing: Sequence[AlertView]) -> PageVerdict:
    """The verdict by the worst scope and the alerts that fire, the worse of both first."""
    where = "" if worst is None else f"{worst.name}: {worst.verdict}"
    title = "" if worst is None else f"{worst.level} {worst.verdict} · {worst.name}"
    if worst is not None and worst.tone == "bad":
        return PageVerdict("bad", "In danger", where, title)
    critical = [view for view in firing if view.tone == "bad"]
    is_old = worst is not None and worst.tone == "old"
    words = about = ""
    if critical:
        words = "A critical alert fires" if len(critical) == 1 else f"{len(critical)} critical alerts fire"
        about = f"{critical[0].about}: {critical[0].summary}"
    # An alert about the watch says less than that the levels are not known.
    if critical and not (is_old and not critical[0].is_about_level):
        only = critical[0].id if len(critical) == 1 else None
        return PageVerdict("bad", words, about, f"CRITICAL · {about}", alert=only)
    if worst is not None and is_old:
        age = f" {worst.read_age.words}" if worst.read_age is not None else ""
        detail = f"{where}. {words}: {about}" if critical else where
        tone: PageTone = "bad" if critical else "old"
        return PageVerdict(tone, "Do not rely on these figures", detail, f"OLD{age} · {worst.name}", is_claim=False)
    if worst is not None and worst.tone == "note":
        return PageVerdict("note", "Take care", where, title)
    owes = worst is not None and not worst.is_debt_free
    calm = "Above every threshold" if owes else "Nothing is owed"
    nearest = _nearest_words(worst) if worst is not None and owes else ""
    title = title if owes else f"{calm} · margin-monitor"
    if any(view.tone == "note" for view in firing):
        return PageVerdict("note", f"{calm}, but warnings fire", nearest, title)
    return PageVerdict("good", calm, nearest, title)


def _nearest_words(worst: ScopeView) -> str:
    return (
        f"Nearest to liquidation is {worst.name}."
        if worst.is_distance_known
        else f"How far {worst.name} is from liquidation is not known."
    )
