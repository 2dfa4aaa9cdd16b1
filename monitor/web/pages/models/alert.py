"""An alert as a page shows it: a row of the overview, and its own page."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.core.alerting.silence_matchers import matcher_text
from monitor.core.model.alert import SilenceMatcher
from monitor.core.model.metric import METRICS
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.alerts import AlertDocument, DeliveryDocument
from monitor.view.formatting import find_first_metric
from monitor.web.pages.models.scope import FigureAge, account_path, figure_age
from monitor.web.pages.models.words import (
    SEVERITY_PAGE_TONES,
    PageTone,
    clock_words,
    metric_words,
    seconds_since,
    time_words,
)

_NAME = re.compile(r"[a-z_][a-z0-9_]*")

_DELIVERY_TONES: Mapping[str, PageTone] = {"sent": "good", "queued": "note", "failed": "bad", "expired": "dim"}

_SEVERITY_RANKS: Mapping[str, int] = {"critical": 0, "warning": 1, "info": 2}

LEVEL_SCOPES = ("cross", "isolated")
"""Scopes of alerts about money in danger; others are about terms, keys and the watch."""


@dataclass(frozen=True, slots=True)
class ConditionFigure:
    """A figure that the condition of an alert reads, as it is now."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One message to one channel, with the channel's answer."""

    channel: str
    reason: str
    state: str
    tone: PageTone
    attempts: int
    time: str
    answer: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert. `age`: since it fires, or since its condition holds; `lasted` once it is over."""

    id: int
    href: str
    rule: str
    account: str
    account_href: str
    about: str
    state: str
    severity: str
    tone: PageTone
    summary: str
    when: str
    clear: str
    since: str
    since_at: str
    fired: str
    resolved: str
    age: FigureAge | None
    lasted: FigureAge | None
    acked_by: str
    acked_at: str
    ack_comment: str
    silenced_by: int | None
    inhibited_by: int | None
    is_blind: bool
    is_gone: bool
    figures: tuple[ConditionFigure, ...]
    matchers: tuple[str, ...]
    deliveries: tuple[DeliveryView, ...]
    is_about_level: bool
    order: tuple[int, bool, int]

    @property
    def is_open(self) -> bool:
        return self.state != "resolved"

    @property
    def fires(self) -> bool:
        return self.state == "firing"

    @property
    def is_acked(self) -> bool:
        return bool(self.acked_by)


def alert_view(alert: AlertDocument, now: datetime, account: AccountDocument | None = None) -> AlertView:
    """The alert; `account` is the account's present document, for the figures of the condition."""
    is_open = alert["state"] != "resolved"
    start = alert["fired_at"] or alert["since"]
    acked = alert["acked"]
    return AlertView(
        id=alert["id"],
        href=f"/alerts/{alert['id']}",
        rule=alert["rule"],
        account=alert["account"],
        account_href=account_path(alert["account"]) if alert["account"] else "",
        about=f"{alert['account'] or 'daemon'} {alert['subject'] or alert['scope']}",
        state=alert["state"],
        severity=alert["severity"],
        tone=SEVERITY_PAGE_TONES[alert["severity"]] if is_open else "dim",
        summary=alert["summary"],
        when=alert["when"],
        clear=alert["clear"],
        since=time_words(alert["since"]),
        since_at=start,
        fired=time_words(alert["fired_at"]),
        resolved=time_words(alert["resolved_at"]),
        age=figure_age(seconds_since(start, now)) if is_open else None,
        lasted=_lasted(alert, start),
        acked_by=(acked["by"] or "somebody") if acked is not None else "",
        acked_at=time_words(acked["at"]) if acked is not None else "",
        ack_comment=(acked["comment"] or "") if acked is not None else "",
        silenced_by=alert["silenced_by"],
        inhibited_by=alert["inhibited_by"],
        is_blind=alert["unknown_since"] is not None,
        is_gone=alert["gone"],
        figures=tuple(_figures(alert, account)),
        matchers=_own_matchers(alert),
        deliveries=tuple(_delivery(delivery) for delivery in alert["deliveries"]),
        is_about_level=alert["scope"] in LEVEL_SCOPES,
        order=(_SEVERITY_RANKS[alert["severity"]], alert["scope"] not in LEVEL_SCOPES, -alert["id"]),
    )


def firing_views(alerts: Iterable[AlertDocument], now: datetime) -> tuple[AlertView, ...]:
    """The alerts that fire, the worst first: of one severity those about a level before those about the watch."""
    fires = (alert_view(alert, now) for alert in alerts if alert["state"] == "firing")
    return tuple(sorted(fires, key=lambda view: view.order))


def _lasted(alert: AlertDocument, start: str) -> FigureAge | None:
    """How long an alert fired that is over."""
    resolved = alert["resolved_at"]
    return None if resolved is None else figure_age(seconds_since(start, datetime.fromisoformat(resolved)))


def _figures(alert: AlertDocument, account: AccountDocument | None) -> Iterator[ConditionFigure]:
    """The value at the last evaluation, then what else the condition reads, as the status shows it."""
    first = find_first_metric(alert["when"])
    if first is not None and alert["value"] is not None:
        yield ConditionFigure(first.name.replace("_", " "), metric_words(first.name, alert["value"]))
    scope = _scope_of(alert, account)
    for name in dict.fromkeys(_NAME.findall(f"{alert['when']} {alert['clear']}")):
        shown = scope.get(name)
        if name in METRICS and isinstance(shown, str) and (first is None or name != first.name):
            value = shown if name == "status" else metric_words(name, shown)
            yield ConditionFigure(name.replace("_", " "), value)


def _scope_of(alert: AlertDocument, account: AccountDocument | None) -> Mapping[str, object]:
    if account is None:
        return {}
    if alert["scope"] == "cross":
        return account.get("cross") or {}
    if alert["scope"] == "isolated":
        return next((pair for pair in account["isolated"] if pair["symbol"] == alert["subject"]), {})
    return {}


def _own_matchers(alert: AlertDocument) -> tuple[str, ...]:
    """Matchers that mean this alert's rule and subject and no other."""
    names = ("rule", "account", "scope", "symbol", "asset")
    labels = alert["labels"]
    return tuple(matcher_text(SilenceMatcher(name, "=", labels[name])) for name in names if labels.get(name))


def _delivery_words(delivery: DeliveryDocument) -> str:
    """The state of a delivery; one that waits after a failure has not arrived."""
    is_tried = delivery["state"] == "queued" and delivery["attempts"] > 0
    return "not delivered yet" if is_tried else delivery["state"]


def _delivery(delivery: DeliveryDocument) -> DeliveryView:
    return DeliveryView(
        channel=delivery["channel"],
        reason=delivery["reason"],
        state=_delivery_words(delivery),
        tone=_DELIVERY_TONES[delivery["state"]],
        attempts=delivery["attempts"],
        time=clock_words(delivery["at"]) if delivery["at"] is not None else "",
        answer=delivery["answer"] or "",
    )
