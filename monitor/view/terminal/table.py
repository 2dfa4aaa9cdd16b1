"""What people read on a terminal: tables made from the same documents that programs get."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.metrics.value_text import value_text
from monitor.core.model.metric import Missing
from monitor.core.numbers.durations import parse_since
from monitor.view.documents.history import Series
from monitor.view.documents.stress_portfolio import number
from monitor.view.formatting import UNKNOWN, age_text, amount_text, money_text, percent_text, stamp_text, time_text
from monitor.view.json_values import Document

Tone = Literal["", "good", "note", "bad", "dim", "strong"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and how it is meant."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; the columns in `right` are numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    right: frozenset[int] = field(default_factory=frozenset)


SEVERITY_TONES: dict[str, Tone] = {"critical": "bad", "warning": "note", "info": ""}


def alerts_table(alerts: Iterable[Document], now: datetime) -> Table:
    """One row an alert."""
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
                Cell(time_text(since), "dim"),
                Cell(age_text(until - since)),
                Cell(_notes(alert), "dim"),
            ]
        )
    headings = ("alert", "state", "severity", "about", "summary", "rule", "since", "lasting", "notes")
    return Table(headings, rows, frozenset({0, 7}))


def events_table(events: Iterable[Document]) -> Table:
    """One row an event, its payload shortened to what fits."""
    rows = [
        [
            Cell(stamp_text(event["received_at"]), "dim"),
            Cell(event["account"]),
            Cell(event["symbol"] or event["scope"]),
            Cell(event["type"], "bad" if event["rejected"] else ""),
            Cell(_shortened(event["rejected"] or ", ".join(f"{k}={v}" for k, v in event["payload"].items()), 90)),
        ]
        for event in events
    ]
    return Table(("received", "account", "scope", "type", "content"), rows)


def interest_table(document: Document) -> Table:
    """One row a sum of charges."""
    rows = [
        [
            *([Cell(item["day"])] if document["by"] == "day" else []),
            Cell(item["account"]),
            Cell(item["symbol"] or item["scope"]),
            Cell(f"{amount_text(Decimal(item['interest']))} {item['asset']}"),
            Cell(money_text(number(item["interest_usdt"])) if item["interest_usdt"] is not None else ""),
            Cell(str(item["charges"])),
        ]
        for item in document["items"]
    ]
    start = ("day",) if document["by"] == "day" else ()
    first = len(start)
    headings = (*start, "account", "scope", "interest", "value now", "charges")
    return Table(headings, rows, frozenset({first + 2, first + 3, first + 4}))


def rates_table(document: Document) -> Table:
    """One row an asset that is owed now."""
    rows = [
        [
            Cell(rate["asset"]),
            Cell(rate["symbol"] or rate["scope"]),
            Cell(f"{Decimal(rate['hourly']) * 100:.6f} %"),
            Cell(f"{Decimal(rate['next_hourly']) * 100:.6f} %" if rate["next_hourly"] is not None else ""),
            Cell(percent_text(Decimal(rate["annual"]))),
            Cell(stamp_text(rate["as_of"]), "dim"),
        ]
        for rate in document["rates"]
    ]
    return Table(("asset", "scope", "an hour", "next hour", "a year", "as of"), rows, frozenset({2, 3, 4}))


def interest_lines(document: Document) -> list[Cell]:
    """The sums, what is to come, and what of it is not known."""
    ahead, recorded = document["projected"], document["recorded"]
    lines = [
        Cell(f"paid since {stamp_text(document['since'])}: {money_text(Decimal(document['total_usdt']))}", "strong"),
    ]
    if document["items"] and recorded["since"] is None:
        lines.append(Cell("not every charge of that time is recorded yet", "note"))
    elif recorded["since"] is not None and recorded["since"] > document["since"]:
        lines.append(Cell(f"charges before {stamp_text(recorded['since'])} are not all recorded", "note"))
    if document["rates"] or not ahead["without"]:
        day, month, year = (money_text(Decimal(ahead[f"{span}_usdt"])) for span in ("day", "month", "year"))
        lines.append(Cell(f"at the rates now: {day} a day, {month} in 30 days, {year} a year"))
    if ahead["without"]:
        owed = ", ".join(ahead["without"])
        lines.append(Cell(f"what is owed in {owed} is not counted: its rate or price is not known yet", "note"))
    for saving in document["saving_if_repaid"]:
        amount = f"{amount_text(Decimal(saving['per_day']))} {saving['asset']}"
        lines.append(Cell(f"repaying what is free now would save {amount} a day"))
    return lines


def history_table(series: Iterable[Series]) -> Table:
    """One row a sample, oldest first."""
    rows = []
    for one in series:
        for point in one.points:
            value = point.value if point.value is not None else Missing.UNAVAILABLE
            text = value_text(one.metric, value) if point.value is not None else point.missing or UNKNOWN
            label = f"{one.account} {one.subject or one.scope}"
            rows.append([Cell(time_text(point.at), "dim"), Cell(label), Cell(text)])
    return Table(("time", "about", "value"), rows, frozenset({2}))


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


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
