"""What a backtest found, as programs read it and as people do."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import floor_to, plain
from monitor.simulation.backtest import Backtest
from monitor.view.json_values import Document, decimal_text, moment_text

_CENT = Decimal("0.01")


def backtest_items(found: Backtest) -> list[Document]:
    """Every alert that would have fired, in the order of their firing."""
    return [_item(found, alert) for alert in found.story.fired]


def backtest_document(tests: Sequence[Backtest]) -> Document:
    """All accounts: the alerts, the lowest levels, what was moved, and what stood in the way."""
    return {
        "items": [item for found in tests for item in backtest_items(found)],
        "lows": [low for found in tests for low in _lows(found)],
        "moved": [
            {"account": found.account, "kind": kind, "asset": asset, "amount": plain(amount)}
            for found in tests
            for (kind, asset), amount in sorted(found.spent.items())
        ],
        "blocked": [
            {"account": found.account, "action": each.action, "reason": each.reason, "since": moment_text(each.since)}
            for found in tests
            for each in found.story.stopped
        ],
    }


def _item(found: Backtest, alert: Alert) -> Document:
    return {
        "rule": alert.key.rule,
        "account": alert.key.account,
        "scope": alert.key.scope,
        "subject": alert.key.subject or None,
        "severity": alert.severity,
        "fired_at": moment_text(alert.fired_at),
        "resolved_at": moment_text(alert.resolved_at),
        "minutes_before_low": decimal_text(found.minutes_before_low(alert)),
        "actions": [_action(intent) for intent in found.done_for(alert)],
    }


def _action(intent: Intent) -> Document:
    return {
        "action": intent.action,
        "kind": intent.kind,
        "asset": intent.asset,
        "amount": plain(intent.amount),
        "amount_usdt": plain(floor_to(intent.amount_usdt, _CENT)),
        "source": intent.order.source if isinstance(intent.order, Transfer) else None,
        "at": moment_text(intent.created_at),
        "level_before": decimal_text(intent.level_before),
        "level_after": decimal_text(intent.level_after),
    }


def _lows(found: Backtest) -> Iterator[Document]:
    acted = found.story is not found.without
    for scope in found.without.lows:
        low = _low(found, scope, guarded=True)
        yield {
            "account": found.account,
            "scope": scope.kind,
            "symbol": scope.symbol or None,
            **low,
            "without_actions": _low(found, scope, guarded=False) if acted else None,
        }


def _low(found: Backtest, scope: Scope, *, guarded: bool) -> Document:
    story = found.story if guarded else found.without
    low = story.lows.get(scope)
    return {
        "level": None if low is None else decimal_text(low.level.quantize(Decimal("1E-8"))),
        "at": None if low is None else moment_text(low.at),
        "liquidated_at": moment_text(story.liquidated.get(scope)),
    }
