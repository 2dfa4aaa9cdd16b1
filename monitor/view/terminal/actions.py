"""Intents as a table, and the history of one intent as lines."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from monitor.core.numbers.durations import parse_since
from monitor.view.formatting import format_age, format_amount, format_level, format_time, format_usdt
from monitor.view.json_values import Document
from monitor.view.terminal.table import Cell, Table, Tone

_TONES: dict[str, Tone] = {
    "CONFIRMED": "good",
    "PROPOSED": "note",
    "UNCERTAIN": "note",
    "UNRESOLVED": "bad",
    "FAILED": "bad",
    "REFUSED": "note",
    "SIMULATED": "dim",
    "EXPIRED": "dim",
    "REJECTED": "dim",
}


def actions_table(actions: Iterable[Document], now: datetime) -> Table:
    """One row for each intent."""
    rows = []
    for action in actions:
        created = parse_since(action["created_at"], now)
        rows.append(
            [
                Cell(str(action["id"])),
                Cell(action["state"], _TONES.get(action["state"], "")),
                Cell(action["action"]),
                Cell(action["mode"], "strong" if action["mode"] == "live" else "dim"),
                Cell(_scope_label(action)),
                Cell(_amount_text(action), "strong"),
                Cell("" if action["alert"] is None else f"#{action['alert']}"),
                Cell(format_time(created), "dim"),
                Cell(format_age(now - created)),
                Cell(action["evidence"] or action["reason"] or "", "dim"),
            ]
        )
    headings = ("intent", "state", "action", "mode", "about", "amount", "alert", "since", "age", "notes")
    return Table(headings, rows, frozenset({0, 5, 8}))


def intent_history_lines(action: Document, now: datetime) -> list[Cell]:
    """The history of one intent: the order and its reason, then every step with what was known at that time."""
    alert = "" if action["alert"] is None else f", for alert #{action['alert']}"
    lines = [
        Cell(
            f"intent {action['id']}: {action['kind'].replace('_', ' ')}{_value_text(action)} in {_scope_label(action)}",
            "strong",
        ),
        Cell(f"action {action['action']}, {action['mode']}{alert}: {action['reason'] or 'no reason given'}"),
        Cell(f"level {_level_text(action['level_before'])} → {_level_text(action['level_after'])}"),
    ]
    for step in action["steps"]:
        when = format_time(parse_since(step["at"], now))
        lines.append(Cell(f"  {when}  {step['state']:12} {step['note']}", _TONES.get(step["state"], "")))
        if "request" in step:
            lines.append(Cell(f"{'':4}asked     {step['request']}", "dim"))
            lines.append(Cell(f"{'':4}answered  {step['answer']}", "dim"))
    if action["tran_id"] is not None:
        lines.append(Cell(f"the exchange's transaction: {action['tran_id']}"))
    if action["state"] == "UNRESOLVED":
        resolve = f"margin-monitor actions resolve {action['id']} --as confirmed|failed --comment …"
        lines.append(Cell(f"look at the exchange whether it happened, then: {resolve}", "bad"))
    if action["state"] == "PROPOSED":
        lines.append(Cell(f"margin-monitor actions approve {action['id']}    or    reject {action['id']}", "note"))
    return lines


def _scope_label(action: Document) -> str:
    return f"{action['account']} {action['symbol'] or action['scope']}"


def _amount_text(action: Document) -> str:
    """The amount and the asset; an order sent by `call` may have neither."""
    amount = Decimal(action["amount"])
    return f"{format_amount(amount)} {action['asset']}" if amount else str(action["asset"])


def _value_text(action: Document) -> str:
    usdt = Decimal(action["amount_usdt"])
    what = f" {_amount_text(action)}".rstrip()
    return f"{what} ({format_usdt(usdt)})" if usdt else what


def _level_text(text: str | None) -> str:
    return "?" if text is None else format_level(Decimal(text))
