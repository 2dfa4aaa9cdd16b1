"""The page of one alert: the alert, its scope now, its silence, and what its actions decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument, SilenceDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.action import ActionView, action_view
from monitor.web.pages.models.alert import AlertView, alert_view
from monitor.web.pages.models.scope import ScopeView, scope_views
from monitor.web.pages.models.words import PageTone, parse_time, time_words


@dataclass(frozen=True, slots=True)
class SilenceView:
    """The silence that holds an alert's messages back."""

    id: int
    author: str
    until: str
    comment: str


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One alert. `scope` is None where the alert is about something else."""

    alert: AlertView
    scope: ScopeView | None
    silence: SilenceView | None
    actions: tuple[ActionView, ...]
    actions_known: bool

    @property
    def title(self) -> str:
        state = {"firing": self.alert.severity.upper(), "pending": "PENDING"}.get(self.alert.state, "OVER")
        return f"{state} {self.alert.about}: {self.alert.summary} (#{self.alert.id})"

    @property
    def tone(self) -> PageTone:
        return self.alert.tone


def alert_page(
    alert: AlertDocument,
    status: StatusDocument,
    silences: Iterable[SilenceDocument] | None,
    actions: Sequence[ActionDocument] | None,
    stables: frozenset[str],
) -> AlertPage:
    """The page. `silences` and `actions` are None while the database can't be read."""
    now = parse_time(status["generated_at"])
    account = next((one for one in status["accounts"] if one["account"] == alert["account"]), None)
    label = alert["subject"] or alert["scope"]
    scopes = scope_views(account, stables) if account is not None else ()
    return AlertPage(
        alert=alert_view(alert, now, account),
        scope=next((view for view in scopes if view.label == label), None),
        silence=_silence(alert, silences or ()),
        actions=tuple(action_view(action, now) for action in actions or () if action["alert"] == alert["id"]),
        actions_known=actions is not None,
    )


def _silence(alert: AlertDocument, silences: Iterable[SilenceDocument]) -> SilenceView | None:
    for silence in silences:
        if silence["id"] == alert["silenced_by"] and silence["state"] == "active":
            return SilenceView(silence["id"], silence["author"], time_words(silence["ends_at"]), silence["comment"])
    return None
