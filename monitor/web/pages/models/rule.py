"""A rule and its present verdict on the scopes of one account."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.rules import RuleDocument
from monitor.web.pages.models.scope import FigureAge, figure_age
from monitor.web.pages.models.words import (
    SEVERITY_PAGE_TONES,
    TONE_RANKS,
    PageTone,
    age_words,
    seconds_since,
)


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """The rule's word on one subject, and how long it has said so."""

    about: str
    words: str
    tone: PageTone
    age: FigureAge | None
    href: str


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule. Without `verdicts` its condition holds nowhere in the account."""

    name: str
    when: str
    severity: str
    holds_for: str
    actions: str
    verdicts: tuple[RuleVerdict, ...]
    tone: PageTone


def rule_views(
    rules: Sequence[RuleDocument], alerts: Iterable[AlertDocument], account: AccountDocument, now: datetime
) -> tuple[RuleView, ...]:
    """The rules in the order of the configuration; those that say something stand first."""
    alerts = list(alerts)
    views = [_rule_view(rule, alerts, account, now) for rule in rules]
    return tuple(sorted(views, key=lambda view: TONE_RANKS[view.tone] if view.verdicts else len(TONE_RANKS)))


def _rule_view(
    rule: RuleDocument, alerts: Sequence[AlertDocument], account: AccountDocument, now: datetime
) -> RuleView:
    verdicts = tuple(_verdicts(rule, alerts, account, now))
    tones = [verdict.tone for verdict in verdicts]
    return RuleView(
        name=rule["name"],
        when=rule["when"],
        severity=rule["severity"],
        holds_for=age_words(rule["for_s"]) if rule["for_s"] else "",
        actions=", ".join(rule["actions"]),
        verdicts=verdicts,
        tone=min(tones, key=lambda tone: TONE_RANKS[tone], default="dim"),
    )


def _verdicts(
    rule: RuleDocument, alerts: Sequence[AlertDocument], account: AccountDocument, now: datetime
) -> Iterator[RuleVerdict]:
    for alert in alerts:
        if alert["rule"] != rule["name"] or alert["account"] != account["account"] or alert["state"] == "resolved":
            continue
        fires = alert["state"] == "firing"
        yield RuleVerdict(
            about=alert["subject"] or alert["scope"],
            words="fires" if fires else "holds, not long enough yet",
            tone=SEVERITY_PAGE_TONES[alert["severity"]] if fires else "note",
            age=figure_age(seconds_since(alert["fired_at"] or alert["since"], now)),
            href=f"/alerts/{alert['id']}",
        )
    for unknown in account.get("conditions_unknown", ()):
        if unknown["rule"] == rule["name"]:
            yield RuleVerdict(
                about=unknown["subject"] or unknown["scope"],
                words=f"can't be judged, it lacks {', '.join(unknown['lacking'])}",
                tone="old",
                age=figure_age(seconds_since(unknown["since"], now)),
                href="",
            )
