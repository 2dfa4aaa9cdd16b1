"""Alerts as a table."""

from collections.abc import Iterable
from datetime import datetime

from monitor.core.numbers.durations import parse_since
from monitor.view.formatting import format_age, format_time
from monitor.view.json_values import Document
from monitor.view.terminal.table import SEVERITY_TONES, Cell, Table


def alerts_table(alerts: Iterable[Document], now: datetime) -> Table:
    """One row for each alert."""
    rows = []
    for alert in alerts:
        open_ = alert["state"] != "resolved"
        since = parse_since(alert["fired_at"] or alert["since"], now)
        until = now if open_ or alert["resolved_at"] is None else parse_since(alert["resolved_at"], now)
        about = f"{alert['account'] or 'daemon'} {alert['subject'] or alert['scope']}"
        rows.append(
            [
                Cell(f"#{alert['id']}"),
                Cell(alert["state"], "" if open_ else "dim"),
                Cell(alert["severity"], SEVERITY_TONES[alert["severity"]] if open_ else "dim"),
                Cell(about),
                Cell(alert["summary"], "strong" if open_ else "dim"),
                Cell(alert["rule"]),
                Cell(format_time(since), "dim"),
                Cell(format_age(until - since)),
                Cell(_notes(alert), "dim"),
            ]
        )
    headings = ("alert", "state", "severity", "about", "summary", "rule", "since", "lasting", "notes")
    return Table(headings, rows, frozenset({0, 7}))


def _notes(alert: Document) -> str:
    notes = []
    if alert["acked"]:
        notes.append(f"acknowledged by {alert['acked']['by']}")
    if alert["silenced_by"] is not None:
        notes.append(f"silence {alert['silenced_by']}")
    if alert["inhibited_by"] is not None:
        notes.append(f"covered by #{alert['inhibited_by']}")
    if alert["unknown_since"] is not None:
        notes.append("data missing")
    told = [delivery["channel"] for delivery in alert["deliveries"] if delivery["state"] == "sent"]
    waiting = {d["channel"] for d in alert["deliveries"] if d["state"] in ("queued", "failed")} - set(told)
    if told:
        notes.append(f"told: {', '.join(dict.fromkeys(told))}")
    if waiting:
        notes.append(f"not told: {', '.join(sorted(waiting))}")
    return "; ".join(notes)
