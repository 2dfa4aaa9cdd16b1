"""What a backtest found, as programs read it and as people do."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent, Transfer
from monitor.core.numbers.amounts import floor_to, plain
from monitor.simulation.backtest import Backtest
from monitor.view.json_values import Document, decimal_text, moment_text
from monitor.view.terminal.table import SEVERITY_TONES, Cell, Table

_CENT = Decimal("0.01")
_DONE = {"transfer_in": "brought in", "repay": "repaid", "reduce": "sold and repaid"}


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


def backtest_table(items: Sequence[Document]) -> Table:
    """The alerts for people; `before the low` in minutes."""
    rows = [
        [
            Cell(_moment(item["fired_at"])),
            Cell(_moment(item["resolved_at"])),
            Cell(item["rule"], "strong"),
            Cell(item["subject"] or item["scope"]),
            Cell(item["severity"], SEVERITY_TONES[item["severity"]]),
            Cell("" if item["minutes_before_low"] is None else f"{item['minutes_before_low']} min"),
            Cell(str(len(item["actions"])) if item["actions"] else ""),
        ]
        for item in items
    ]
    return Table(
        ("fired", "resolved", "rule", "subject", "severity", "before the low", "actions"), rows, frozenset((5, 6))
    )


def backtest_lines(found: Backtest) -> Iterator[Cell]:
    """What was done and how low it went, for people."""
    for intent in found.story.done:
        yield Cell(f"{found.account} {intent.created_at:%Y-%m-%d %H:%M:%S} {_done(intent)}")
    for each in found.story.stopped:
        yield Cell(f"{found.account} {each.since:%Y-%m-%d %H:%M:%S} {each.action} was stopped: {each.reason}", "note")
    for low in _lows(found):
        name = low["symbol"] or low["scope"]
        end = "" if low["liquidated_at"] is None else f", liquidated at {_moment(low['liquidated_at'])}"
        line = f"{found.account} {name}: lowest level {_level(low['level'])} at {_moment(low['at'])}{end}"
        if low["without_actions"] is not None:
            bare = low["without_actions"]
            lost = "" if bare["liquidated_at"] is None else f", liquidated at {_moment(bare['liquidated_at'])}"
            line += f"; without actions {_level(bare['level'])} at {_moment(bare['at'])}{lost}"
        yield Cell(line, "bad" if low["liquidated_at"] else "good")


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


def _done(intent: Intent) -> str:
    source = f" from {intent.order.source}" if isinstance(intent.order, Transfer) else ""
    what = _DONE.get(intent.kind, intent.kind)
    before, after = intent.level_before, intent.level_after
    levels = "" if before is None else f", level {_level(str(before))}"
    levels += "" if not levels or after is None else f" to {_level(str(after))}"
    return f"{intent.action}: {what} {plain(intent.amount)} {intent.asset}{source}{levels}"


def _level(text: str | None) -> str:
    """Two decimals, never better than it is."""
    return "unknown" if text is None else f"{floor_to(Decimal(text), _CENT):.2f}"


def _moment(text: str | None) -> str:
    return "" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"
