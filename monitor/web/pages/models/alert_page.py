"""The page of one alert: the alert, its scope and account now, its silence, and what its actions decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument, SilenceDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.action import ActionView, action_view
from monitor.web.pages.models.alert import AlertView, alert_view
from monitor.web.pages.models.health import WatchFaults
from monitor.web.pages.models.scope import ScopeView, scope_views
from monitor.web.pages.models.verdict import PageVerdict, judge_account, judge_all
from monitor.web.pages.models.words import PageTone, parse_time, time_words, worst_tone


@dataclass(frozen=True, slots=True)
class SilenceView:
    """The silence that holds an alert's messages back."""

    id: int
    author: str
    until: str
    comment: str


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One alert. `scope` is None where the alert is about something else.

    `verdict` is that on its account now, or on everything for an alert about the daemon; None where the account is no
    longer watched.
    """

    alert: AlertView
    scope: ScopeView | None
    verdict: PageVerdict | None
    silence: SilenceView | None
    actions: tuple[ActionView, ...]
    actions_known: bool

    @property
    def title(self) -> str:
        state = {"firing": self.alert.severity.upper(), "pending": "PENDING"}.get(self.alert.state, "OVER")
        return f"{state} {self.alert.about}: {self.alert.summary} (#{self.alert.id})"

    @property
    def tone(self) -> PageTone:
        """The worse of the alert's and its account's: an alert that is mild or over says nothing of safety."""
        if self.verdict is None or self.verdict.tone == "good":
            return self.alert.tone
        return worst_tone(self.alert.tone, self.verdict.tone)

    @property
    def now(self) -> str:
        """The verdict in words where it says more than the alert; empty if not."""
        if self.verdict is None or self.verdict.tone == "good" or self.verdict.alert == self.alert.id:
            return ""
        return self.verdict.sentence


def alert_page(
    alert: AlertDocument,
    status: StatusDocument,
    alerts: Sequence[AlertDocument] | None,
    faults: WatchFaults,
    silences: Iterable[SilenceDocument] | None,
    actions: Sequence[ActionDocument] | None,
    stables: frozenset[str],
) -> AlertPage:
    """The page. `alerts`, `silences` and `actions` are None while the database can't be read."""
    now = parse_time(status["generated_at"])
    account = next((one for one in status["accounts"] if one["account"] == alert["account"]), None)
    label = alert["subject"] or alert["scope"]
    scopes = tuple(scope_views(account, stables)) if account is not None else ()
    return AlertPage(
        alert=alert_view(alert, now, account),
        scope=next((view for view in scopes if view.label == label), None),
        verdict=_verdict(alert, status, account, alerts, faults, stables),
        silence=_silence(alert, silences or ()),
        actions=tuple(action_view(action, now) for action in actions or () if action["alert"] == alert["id"]),
        actions_known=actions is not None,
    )


def _verdict(
    alert: AlertDocument,
    status: StatusDocument,
    account: AccountDocument | None,
    alerts: Sequence[AlertDocument] | None,
    faults: WatchFaults,
    stables: frozenset[str],
) -> PageVerdict | None:
    if account is not None:
        return judge_account(status, account, tuple(scope_views(account, stables)), alerts, faults)
    if alert["account"]:
        return None
    scopes = [view for each in status["accounts"] for view in scope_views(each, stables)]
    return judge_all(status, scopes, alerts, faults)


def _silence(alert: AlertDocument, silences: Iterable[SilenceDocument]) -> SilenceView | None:
    for silence in silences:
        if silence["id"] == alert["silenced_by"] and silence["state"] == "active":
            return SilenceView(silence["id"], silence["author"], time_words(silence["ends_at"]), silence["comment"])
    return None
