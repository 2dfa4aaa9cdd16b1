"""Messages of alerts, drills and notices: title, text, and the body of a webhook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal, cast

from monitor.core.metrics.value_text import notice_text
from monitor.core.model.alert import Alert, NotificationReason, Severity
from monitor.core.model.metric import MetricValue
from monitor.core.model.metric_values import MetricValues
from monitor.view.documents.alerts import alert_document
from monitor.view.documents.types.alerts import (
    AlertMessageDocument,
    BareAlertMessageDocument,
    NoticeMessageDocument,
)
from monitor.view.formatting import (
    find_first_metric,
    format_age,
    format_amount,
    format_level,
    format_percent,
    format_price,
    format_threshold,
    format_time,
    format_usdt,
)
from monitor.view.json_values import Document
from monitor.view.messages.formats import MessageFormat

MessageKind = Literal["info", "warning", "failure", "success"]

KIND_BY_SEVERITY: Mapping[Severity, MessageKind] = {"info": "info", "warning": "warning", "critical": "failure"}

DELAY_SHOWN_FROM = timedelta(minutes=2)
"""From this age on a message states how old its cause is."""

INCOMPLETE = "The rest is missing: an error in margin-monitor; see its log."

_TITLE_WORDS: Mapping[NotificationReason, str] = {
    NotificationReason.FIRED: "FIRING",
    NotificationReason.REMINDED: "REMINDER",
    NotificationReason.ESCALATED: "ESCALATED",
    NotificationReason.RESOLVED: "RESOLVED",
}


@dataclass(frozen=True, slots=True)
class MessageSubject:
    """The subject of a message that can be answered: alerts as they are now, an intent or a drill by its number."""

    alerts: tuple[Alert, ...] = ()
    intent: int | None = None
    drill: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a channel. `document` is the body of a webhook, of a type in `types/alerts`; `image` is a PNG
    file, where a chart helps.

    `format` is the format of `text`: plain unless a template made it. `plain`: the text is sent unchanged, without
    template and without markup.
    """

    title: str
    text: str
    kind: MessageKind
    document: Document
    image: Path | None = None
    format: MessageFormat = "text"
    plain: bool = False
    subject: MessageSubject = MessageSubject()


@dataclass(frozen=True, slots=True)
class DrillProgress:
    """The drill of a message, and the message's number in it."""

    id: int
    number: int
    of: int


def alert_message(
    alert: Alert,
    reason: NotificationReason,
    figures: MetricValues | None,
    now: datetime,
    *,
    severity: Severity | None = None,
    at: datetime | None = None,
    restore: Sequence[str] = (),
    limits: Mapping[str, str] | None = None,
    drill: DrillProgress | None = None,
    recorded: bool = True,
    image: Path | None = None,
    public_url: str = "",
    past: str = "",
) -> Message:
    """The message about one alert.

    `figures` are those of the alert's subject now, None when unknown. `at` is the time of the notification's first
    reason: if that is long ago, the text says so. `restore` are the recovery options, a line each; `limits` the blocked
    actions with the block of each and what a person could do about it. `severity` differs from the alert's after an
    escalation. `recorded` False: the database could not be written when this message was sent. `public_url` is the
    address of the page, "" without one. `past` is a sentence about the days of the past.
    """
    severity = severity or alert.severity
    page = _page_url(alert, public_url) if drill is None else None
    word, number = ("DRILL", f"drill {drill.id}") if drill is not None else (_TITLE_WORDS[reason], f"#{alert.id}")
    title = f"[{word}] {severity} {_subject_text(alert)}: {_value_text(alert)} ({number})"
    text = "\n".join(
        [
            *([_drill_line(drill, alert, reason)] if drill is not None else []),
            _first_line(alert, reason, figures),
            *(f"Not done: {action}: {limit}" for action, limit in (limits or {}).items()),
            *(f"To be safe again: {line}" for line in restore),
            "",
            *_figure_lines(figures, now),
            *([past] if past else []),
            *_alert_lines(alert, reason, now, at or now, recorded=recorded),
            *([page] if page else []),
        ]
    )
    kind = "success" if reason is NotificationReason.RESOLVED else KIND_BY_SEVERITY[severity]
    said = {"severity": severity, "reason": reason.value, "title": title, "text": text, "url": page}
    document = cast("AlertMessageDocument", {**alert_document(alert), **said})
    if drill is not None:
        document |= {"reason": "drill", "stage": reason.value, "drill": drill.id}
    subject = MessageSubject((alert,)) if drill is None else MessageSubject(drill=drill.id)
    return Message(title, text, kind, document, image, subject=subject)


def minimal_message(alert: Alert, reason: NotificationReason, severity: Severity, public_url: str = "") -> Message:
    """The message that can always be made of an alert, also after an error of this program: title, rule and page."""
    title = f"[{_TITLE_WORDS[reason]}] {severity} {_subject_text(alert)}: {_value_text(alert)} (#{alert.id})"
    page = _page_url(alert, public_url)
    lines = [_value_text(alert), f"Rule {alert.key.rule}: {alert.when}", INCOMPLETE]
    text = "\n".join([*lines, *([page] if page else [])])
    document: BareAlertMessageDocument = {
        "id": alert.id,
        "severity": severity,
        "reason": reason.value,
        "title": title,
        "text": text,
        "url": page,
    }
    kind = "success" if reason is NotificationReason.RESOLVED else KIND_BY_SEVERITY[severity]
    return Message(title, text, kind, document, subject=MessageSubject((alert,)))


def drill_message(severity: Severity, document: Document) -> Message:
    """A message of a drill, made from the body of its webhook."""
    kind = "success" if document["stage"] == NotificationReason.RESOLVED.value else KIND_BY_SEVERITY[severity]
    return Message(document["title"], document["text"], kind, document, subject=MessageSubject(drill=document["drill"]))


def notice_message(severity: Severity, text: str, *, intent: int | None = None, recorded: bool = True) -> Message:
    """A message that belongs to no alert. Its title repeats the first line of `text`."""
    first, _, _ = text.strip().partition("\n")
    title = f"[NOTICE] {severity} {first if len(first) <= 120 else first[:117] + '...'}"
    body = text.strip() if recorded else f"{text.strip()}\n{_NOT_RECORDED}"
    document: NoticeMessageDocument = {"severity": severity, "reason": "notice", "title": title, "text": body}
    return Message(title, body, KIND_BY_SEVERITY[severity], document, subject=MessageSubject(intent=intent))


def _page_url(alert: Alert, public_url: str) -> str | None:
    return f"{public_url}/alerts/{alert.id}" if public_url else None


_NOT_RECORDED = "Not recorded: the database could not be written when this was sent; it may come again."


def _drill_line(drill: DrillProgress, alert: Alert, reason: NotificationReason) -> str:
    said = {NotificationReason.RESOLVED: "is over", NotificationReason.ESCALATED: "is not answered and escalates"}.get(
        reason, "fires"
    )
    return (
        f"This is a drill, message {drill.number} of {drill.of}: {alert.key.rule} {said}. "
        "Nothing of it is real but the figures, and nothing is done."
    )


def _subject_text(alert: Alert) -> str:
    key = alert.key
    return " ".join(part for part in (key.account or "daemon", key.subject or key.scope) if part)


def _value_text(alert: Alert) -> str:
    if alert.gone:
        return "gone, no longer watched"
    return alert.summary or alert.key.rule


def _first_line(alert: Alert, reason: NotificationReason, figures: MetricValues | None) -> str:
    """What, how bad, how far from liquidation."""
    start = "Over: " if reason is NotificationReason.RESOLVED else ""
    if alert.gone:
        return f"{start}{_subject_text(alert)} is gone or its rule is; it is no longer watched."
    if figures is not None and figures.kind in ("cross", "isolated"):
        return f"{start}{_subject_text(alert)} is {_level_phrase(figures)}; {_distance_phrase(figures)}."
    metric = find_first_metric(alert.when)
    meaning = f" ({metric.meaning})" if metric is not None else ""
    return f"{start}{_subject_text(alert)}: {_value_text(alert)}{meaning}."


def _level_phrase(figures: MetricValues) -> str:
    """The level against the nearest threshold that matters."""
    shown = figures.display
    level = shown.get("margin_level")
    if figures.state == "no_debt":
        return "without debt"
    if not isinstance(level, Decimal):
        return "at an unknown margin level"
    said = f"at margin level {format_level(level, 4)}"
    for bar, relation in (
        ("liquidation_level", "at or below liquidation"),
        ("margin_call_level", "at or below the margin call at"),
        ("initial_level", "below the initial level"),
    ):
        height = shown.get(bar)
        if isinstance(height, Decimal) and (level <= height if bar != "initial_level" else level < height):
            return f"{said}, {relation} {format_threshold(height)}"
    initial = shown.get("initial_level")
    return (
        f"{said}, at or above the initial level {format_threshold(initial)}" if isinstance(initial, Decimal) else said
    )


def _distance_phrase(figures: MetricValues) -> str:
    shown = figures.display
    distance = shown.get("distance_to_liquidation")
    if not isinstance(distance, Decimal):
        return "how far from liquidation is unknown"
    if not distance.is_finite():
        return "no move of prices can liquidate it"
    if distance <= 0:
        return "liquidation is due now"
    if figures.kind == "isolated":
        return f"a move of {format_percent(distance)} to {format_price(shown.get('liquidation_price'))} liquidates it"
    drop = shown.get("drop_to_liquidation")
    direction = "fall" if isinstance(drop, Decimal) and drop <= distance else "rise"
    return f"a {direction} of {format_percent(distance)} of all that is not stable liquidates it"


def _figure_lines(figures: MetricValues | None, now: datetime) -> list[str]:
    if figures is None:
        return []
    shown = figures.display
    lines: list[str] = []
    if figures.notice is not None:
        lines.append(f"After the last read {notice_text(figures.notice)}")
    if figures.kind in ("cross", "isolated"):
        bars = [shown.get(name) for name in ("initial_level", "margin_call_level", "liquidation_level")]
        if all(isinstance(bar, Decimal) for bar in bars):
            words = zip(("initial", "margin call", "liquidation"), bars, strict=True)
            note = f" ({figures.thresholds.note})" if figures.thresholds is not None and figures.thresholds.note else ""
            lines.append("Bars: " + ", ".join(f"{word} {format_threshold(bar)}" for word, bar in words) + note)
        if figures.kind == "isolated":
            lines.append(f"Index price {format_price(shown.get('index_price'))}, {_liquidation_price(shown)}")
        lines += _value_lines(shown)
    if figures.kind == "asset":
        lines.append(
            f"Held {format_amount(shown.get('held'))}, owed {format_amount(shown.get('owed'))} {figures.subject}"
        )
    owed = [
        f"{format_amount(h.balance.owed)} {h.balance.asset}"
        + (f" at {format_percent(h.hourly_rate * 24 * 365)} a year" if h.hourly_rate is not None else "")
        for h in figures.holdings
        if h.balance.owed
    ]
    if owed:
        lines.append("Owed: " + ", ".join(owed))
    if figures.as_of is not None:
        old = f"{format_age(now - figures.as_of)} old"
        source = "revalued live" if figures.source == "live" else "polled"
        lines.append(
            f"Figures of {format_time(figures.as_of)} ({old}, {'STALE' if figures.state == 'stale' else source})"
        )
    return lines


def _value_lines(display: Mapping[str, MetricValue]) -> list[str]:
    names = (("Assets", "assets_usdt"), ("liabilities", "liabilities_usdt"), ("equity", "equity_usdt"))
    known = [f"{word} {format_usdt(display[name])}" for word, name in names if isinstance(display.get(name), Decimal)]
    return [", ".join(known)] if known else []


def _liquidation_price(display: Mapping[str, MetricValue]) -> str:
    price = display.get("liquidation_price")
    if isinstance(price, Decimal) and not price.is_finite():
        return "no liquidation price"
    return f"liquidation price {format_price(price)}"


def _alert_lines(alert: Alert, reason: NotificationReason, now: datetime, at: datetime, *, recorded: bool) -> list[str]:
    began = alert.fired_at or alert.since
    ended = alert.resolved_at if reason is NotificationReason.RESOLVED else None
    lasted = f", lasted {format_age(ended - began)}" if ended is not None else f" ({format_age(now - began)} ago)"
    # An alert that fires on after `when` is false waits for this condition.
    own_end = reason is not NotificationReason.RESOLVED and alert.clear not in ("", f"not ({alert.when})")
    until = f", until {alert.clear}" if own_end else ""
    lines = [f"Rule {alert.key.rule}: {alert.when}{until}; since {format_time(began)}{lasted}"]
    if alert.acked_by is not None and reason is not NotificationReason.RESOLVED:
        lines.append(f"Acknowledged by {alert.acked_by}: {alert.ack_comment or 'no comment'}")
    if alert.unknown_since is not None:
        lines.append(f"Data are missing since {format_time(alert.unknown_since)}: the figures may be worse by now")
    if now - at >= DELAY_SHOWN_FROM:
        lines.append(f"Delayed: this was due {format_age(now - at)} ago and could not be delivered earlier")
    if not recorded:
        lines.append(_NOT_RECORDED)
    return lines
