"""The result of a backtest as a table and lines."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import floor_to, format_decimal
from monitor.simulation.backtest import Backtest
from monitor.view.documents.backtests import CENT, lowest_levels
from monitor.view.json_values import Document
from monitor.view.terminal.table import SEVERITY_TONES, Cell, Table

_ACTION_WORDS = {"transfer_in": "brought in", "repay": "repaid", "reduce": "sold and repaid"}


def backtest_table(items: Sequence[Document]) -> Table:
    """The alerts as a table; `before the low` in minutes."""
    rows = [
        [
            Cell(_time_text(item["fired_at"])),
            Cell(_time_text(item["resolved_at"])),
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


def backtest_lines(backtest: Backtest) -> Iterator[Cell]:
    """The actions and the lowest level as lines."""
    for intent in backtest.timeline.executed:
        yield Cell(f"{backtest.account} {intent.created_at:%Y-%m-%d %H:%M:%S} {_action_text(intent)}")
    for blocked in backtest.timeline.blocked_actions:
        yield Cell(
            f"{backtest.account} {blocked.since:%Y-%m-%d %H:%M:%S} {blocked.action} was stopped: {blocked.reason}",
            "note",
        )
    for low in lowest_levels(backtest):
        name = low["symbol"] or low["scope"]
        end = "" if low["liquidated_at"] is None else f", liquidated at {_time_text(low['liquidated_at'])}"
        line = f"{backtest.account} {name}: lowest level {_level_text(low['level'])} at {_time_text(low['at'])}{end}"
        if low["without_actions"] is not None:
            bare = low["without_actions"]
            lost = "" if bare["liquidated_at"] is None else f", liquidated at {_time_text(bare['liquidated_at'])}"
            line += f"; without actions {_level_text(bare['level'])} at {_time_text(bare['at'])}{lost}"
        yield Cell(line, "bad" if low["liquidated_at"] else "good")


def _action_text(intent: Intent) -> str:
    source = f" from {intent.order.source}" if isinstance(intent.order, Transfer) else ""
    what = _ACTION_WORDS.get(intent.kind, intent.kind)
    before, after = intent.level_before, intent.level_after
    levels = "" if before is None else f", level {_level_text(str(before))}"
    levels += "" if not levels or after is None else f" to {_level_text(str(after))}"
    return f"{intent.action}: {what} {format_decimal(intent.amount)} {intent.asset}{source}{levels}"


def _level_text(text: str | None) -> str:
    """A level with two decimals, rounded down."""
    return "unknown" if text is None else f"{floor_to(Decimal(text), CENT):.2f}"


def _time_text(text: str | None) -> str:
    return "" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"
