"""The result of a backtest as a JSON document."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import floor_to, format_decimal
from monitor.simulation.backtest import Backtest
from monitor.view.documents.types.simulations import (
    BacktestDocument,
    LowDocument,
    ScopeLowDocument,
    SimulatedActionDocument,
    SimulatedAlertDocument,
)
from monitor.view.json_values import json_decimal, json_time

CENT = Decimal("0.01")


def backtest_items(backtest: Backtest) -> list[SimulatedAlertDocument]:
    """Every alert that would have fired, in the order of their firing."""
    return [_item(backtest, alert) for alert in backtest.timeline.fired]


def backtest_document(tests: Sequence[Backtest]) -> BacktestDocument:
    """All accounts: alerts, lowest levels, amounts moved, and blocked actions."""
    return {
        "items": [item for found in tests for item in backtest_items(found)],
        "lows": [low for found in tests for low in lowest_levels(found)],
        "moved": [
            {"account": found.account, "kind": kind, "asset": asset, "amount": format_decimal(amount)}
            for found in tests
            for (kind, asset), amount in sorted(found.moved_totals.items())
        ],
        "blocked": [
            {
                "account": found.account,
                "action": blocked.action,
                "reason": blocked.reason,
                "since": json_time(blocked.since),
            }
            for found in tests
            for blocked in found.timeline.blocked_actions
        ],
    }


def _item(backtest: Backtest, alert: Alert) -> SimulatedAlertDocument:
    return {
        "rule": alert.key.rule,
        "account": alert.key.account,
        "scope": alert.key.scope,
        "subject": alert.key.subject or None,
        "severity": alert.severity,
        "fired_at": json_time(alert.fired_at),
        "resolved_at": json_time(alert.resolved_at),
        "minutes_before_low": json_decimal(backtest.minutes_before_low(alert)),
        "actions": [_action(intent) for intent in backtest.executed_for(alert)],
    }


def _action(intent: Intent) -> SimulatedActionDocument:
    return {
        "action": intent.action,
        "kind": intent.kind,
        "asset": intent.asset,
        "amount": format_decimal(intent.amount),
        "amount_usdt": format_decimal(floor_to(intent.amount_usdt, CENT)),
        "source": intent.order.source if isinstance(intent.order, Transfer) else None,
        "at": json_time(intent.created_at),
        "level_before": json_decimal(intent.level_before),
        "level_after": json_decimal(intent.level_after),
    }


def lowest_levels(backtest: Backtest) -> Iterator[ScopeLowDocument]:
    acted = backtest.timeline is not backtest.without_actions
    for scope in backtest.without_actions.lows:
        low = _lowest_level(backtest, scope, guarded=True)
        yield {
            "account": backtest.account,
            "scope": scope.kind,
            "symbol": scope.symbol or None,
            **low,
            "without_actions": _lowest_level(backtest, scope, guarded=False) if acted else None,
        }


def _lowest_level(backtest: Backtest, scope: Scope, *, guarded: bool) -> LowDocument:
    story = backtest.timeline if guarded else backtest.without_actions
    low = story.lows.get(scope)
    return {
        "level": None if low is None else json_decimal(low.level.quantize(Decimal("1E-8"))),
        "at": None if low is None else json_time(low.at),
        "liquidated_at": json_time(story.liquidated.get(scope)),
    }
