"""The page of one account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.history import HistoryDocument
from monitor.view.documents.types.interest import InterestDocument
from monitor.view.documents.types.rules import RuleDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import StressDocument
from monitor.web.pages.models.action import ActionView, BlockView, action_view, block_views
from monitor.web.pages.models.alert import AlertView, alert_view, firing_views
from monitor.web.pages.models.balances import BalanceTable, balance_tables
from monitor.web.pages.models.health import HealthLine, WatchFaults, health_line
from monitor.web.pages.models.interest import InterestView, interest_view
from monitor.web.pages.models.level_chart import LevelChart, level_chart
from monitor.web.pages.models.rule import RuleView, rule_views
from monitor.web.pages.models.scope import ScopeView, scope_views
from monitor.web.pages.models.stress import StressView, stress_view
from monitor.web.pages.models.verdict import PageVerdict, judge_account, limit_to_account
from monitor.web.pages.models.words import parse_time

MAX_CARDS = 6
"""Scopes shown in full; calmer ones are rows."""

MAX_PAST_ALERTS = 12
MAX_ACTIONS, MAX_EARLIER_ACTIONS = 4, 12


@dataclass(frozen=True, slots=True)
class AccountRecords:
    """What the database has of one account; each None while it can't be read."""

    alerts: Sequence[AlertDocument] | None = None
    actions: Sequence[ActionDocument] | None = None
    history: HistoryDocument | None = None
    interest: InterestDocument | None = None
    stress: StressDocument | None = None
    rules: Sequence[RuleDocument] | None = None


@dataclass(frozen=True, slots=True)
class ChartChoice:
    """The scope and the span of the chart."""

    scope: str
    span: str


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One account. What the database lacks is None, or empty with `records_known` False."""

    name: str
    verdict: PageVerdict
    health: HealthLine
    scopes: tuple[ScopeView, ...]
    more_scopes: tuple[ScopeView, ...]
    firing: tuple[AlertView, ...]
    past: tuple[AlertView, ...]
    actions: tuple[ActionView, ...]
    earlier_actions: tuple[ActionView, ...]
    blocks: tuple[BlockView, ...]
    balances: tuple[BalanceTable, ...]
    chart: LevelChart | None
    stress: StressView | None
    rules: tuple[RuleView, ...]
    quiet_rules: tuple[RuleView, ...]
    interest: InterestView | None
    records_known: bool


def sorted_scopes(account: AccountDocument, stables: frozenset[str]) -> tuple[ScopeView, ...]:
    """The account's scopes, the worst first."""
    return tuple(sorted(scope_views(account, stables), key=lambda view: view.order))


def account_page(
    status: StatusDocument,
    account: AccountDocument,
    scopes: tuple[ScopeView, ...],
    records: AccountRecords,
    choice: ChartChoice,
    faults: WatchFaults,
) -> AccountPage:
    """The page; `scopes` are those of `sorted_scopes`, `faults` those of the whole watch."""
    now = parse_time(status["generated_at"])
    name = account["account"]
    others = [one["account"] for one in status["accounts"] if one["account"] != name]
    alerts = [alert for alert in records.alerts or () if alert["account"] == name]
    actions = [action for action in records.actions or () if action["account"] == name]
    firing = firing_views(alerts, now)
    over = [
        alert_view(alert, now) for alert in alerts if alert["state"] == "resolved" and alert["fired_at"] is not None
    ]
    past = sorted(over, key=lambda view: view.id, reverse=True)
    chart = None
    if scopes:
        chart = level_chart(
            records.history,
            _scope_document(account, choice.scope),
            [alert for alert in alerts if (alert["subject"] or alert["scope"]) == choice.scope],
            [action for action in actions if (action["symbol"] or action["scope"]) == choice.scope],
            choice.scope,
            choice.span,
            now,
        )
    views = sorted(
        (action_view(action, now) for action in actions), key=lambda view: (not view.is_under_way, -view.id)
    )[: MAX_ACTIONS + MAX_EARLIER_ACTIONS]
    rules = rule_views(records.rules or (), alerts, account, now)
    return AccountPage(
        name=name,
        verdict=judge_account(status, account, scopes, records.alerts, faults),
        health=health_line(limit_to_account(status, account), records.alerts, faults.without(others)),
        scopes=scopes[:MAX_CARDS],
        more_scopes=scopes[MAX_CARDS:],
        firing=firing,
        past=tuple(past[:MAX_PAST_ALERTS]),
        actions=tuple(views[:MAX_ACTIONS]),
        earlier_actions=tuple(views[MAX_ACTIONS:]),
        blocks=tuple(block_views(account)),
        balances=balance_tables(account),
        chart=chart,
        stress=stress_view(records.stress, account) if records.stress is not None else None,
        rules=tuple(rule for rule in rules if rule.verdicts),
        quiet_rules=tuple(rule for rule in rules if not rule.verdicts),
        interest=interest_view(records.interest, account) if records.interest is not None else None,
        records_known=records.alerts is not None,
    )


def _scope_document(account: AccountDocument, label: str) -> Mapping[str, str | None]:
    """The document of a scope, for its thresholds."""
    if label == "cross":
        return cast("Mapping[str, str | None]", account.get("cross") or {})
    pairs = {pair["symbol"]: pair for pair in account["isolated"]}
    return cast("Mapping[str, str | None]", pairs.get(label, {}))
