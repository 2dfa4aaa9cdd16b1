"""The result of a backtest as a table and lines."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import floor_to, plain
from monitor.simulation.backtest import Backtest
from monitor.view.documents.backtests import _CENT, _lows
from monitor.view.json_values import Document
from monitor.view.terminal.table import SEVERITY_TONES, Cell, Table

_DONE = {"transfer_in": "brought in", "repay": "repaid", "reduce": "sold and repaid"}


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
