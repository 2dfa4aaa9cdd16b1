"""What people read on a terminal: tables made from the same documents that programs get."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.core.durations import parse_since
from monitor.core.metrics import Missing
from monitor.core.wording import value_text
from monitor.view.documents.fields import Document
from monitor.view.documents.history import Series
from monitor.view.documents.status import oldest_age_s
from monitor.view.restoring import route_text
from monitor.view.words import (
    UNKNOWN,
    age_text,
    amount_text,
    bar_text,
    level_text,
    money_text,
    percent_text,
    price_text,
    time_text,
)

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


_TONES: dict[str, Tone] = {"critical": "bad", "warning": "note", "info": ""}


def scopes_table(accounts: Iterable[Document]) -> Table:
    """One row a scope: level against its bars, how far from liquidation, how old."""
    rows = []
    for account in accounts:
        name = account["account"]
        scopes = list(_scopes(account))
        if account["state"] in ("unknown", "key_refused") or not scopes:
            rows.append([Cell(name), Cell("")] + [Cell("")] * 6 + [Cell(_words(account["state"]), "bad")])
            if account["state"] == "unknown":
                continue
        rows += [_scope_row(name, label, scope) for label, scope in scopes]
    headings = ("account", "scope", "level", "initial", "call", "liquidation", "liquidated by", "age", "state")
    return Table(headings, rows, frozenset({2, 3, 4, 5, 7}))


def debts_table(accounts: Iterable[Document]) -> Table:
    """One row an asset that is owed: how much, at what rate."""
    rows = []
    for account in accounts:
        for label, row in _asset_rows(account):
            owed = Decimal(row["borrowed"]) + Decimal(row["interest"])
            if not owed:
                continue
            hourly = _number(row.get("hourly_rate"))
            price = _number(row.get("price_usdt"))
            rows.append(
                [
                    Cell(account["account"]),
                    Cell(label),
                    Cell(f"{amount_text(owed)} {row['asset']}"),
                    Cell(money_text(owed * price) if price is not None else ""),
                    Cell(f"{percent_text(hourly * 24 * 365)} a year" if hourly is not None else "", "dim"),
                    Cell(f"{amount_text(_number(row['free']))} {row['asset']}"),
                ]
            )
    return Table(("account", "scope", "owed", "value", "rate", "free of it"), rows, frozenset({2, 3, 4, 5}))


def status_lines(document: Document) -> list[Cell]:
    """What stands below the tables: daemon, alerts, actions and streams of each account."""
    daemon = document["daemon"]
    lines = [
        Cell(f"daemon running since {_shown_time(daemon['since'])}, pid {daemon['pid']}", "dim")
        if daemon["running"]
        else Cell("no daemon is running: nothing is watched, the figures are the last recorded ones", "bad")
    ]
    if daemon["paused"]:
        lines.append(Cell("actions are paused", "note"))
    for account in document["accounts"]:
        firing, moving = account["alerts_firing"], account["intents_in_flight"]
        if firing:
            text = f"{account['account']}: {firing} alert{'s fire' if firing > 1 else ' fires'}, see `alerts`"
            lines.append(Cell(text, _TONES[account["worst_alert"] or "info"]))
        if moving:
            lines.append(Cell(f"{account['account']}: {moving} action{'s' * (moving > 1)} under way", "note"))
        down = [stream["name"] for stream in account["streams"] if not stream["connected"]]
        if down and daemon["running"]:
            lines.append(Cell(f"{account['account']}: stream down: {', '.join(down)}; polling goes on", "note"))
    return lines


def restore_cells(accounts: Iterable[Document]) -> list[Cell]:
    """One line a scope that is below safety: the cheapest way back that is at hand, else the cheapest."""
    lines = []
    for account in accounts:
        for label, scope in _scopes(account):
            restore = scope.get("restore")
            if not restore or not restore["options"]:
                continue
            best = next((option for option in restore["options"] if option["feasible"]), restore["options"][0])
            way = route_text(best["route"], Decimal(best["amount"]), best["asset"])
            lacking = "" if best["feasible"] else ", which is more than is at hand"
            target = level_text(Decimal(restore["target"]))
            lines.append(Cell(f"{account['account']} {label}: to be back at {target}, {way}{lacking}", "note"))
    return lines


def check_line(account: Document, problems: Sequence[str]) -> Cell:
    """One account for a monitoring system: the state, the age, and what is wrong."""
    age = oldest_age_s(account)
    known = f"{age_text(timedelta(seconds=age))} old" if age is not None else "age unknown"
    if problems:
        return Cell(f"{account['account']}: {'; '.join(problems)} ({known})", "bad")
    return Cell(f"{account['account']}: ok ({known})", "good")


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
                Cell(alert["severity"], _TONES[alert["severity"]] if open_ else "dim"),
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
            Cell(_shown_time(event["received_at"]), "dim"),
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
            Cell(money_text(_number(item["interest_usdt"])) if item["interest_usdt"] is not None else ""),
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
            Cell(percent_text(Decimal(rate["annual"]))),
        ]
        for rate in document["rates"]
    ]
    return Table(("asset", "scope", "an hour", "a year"), rows, frozenset({2, 3}))


def interest_lines(document: Document) -> list[Cell]:
    """The sums and what is to come."""
    ahead = document["projected"]
    lines = [
        Cell(f"paid since {_shown_time(document['since'])}: {money_text(Decimal(document['total_usdt']))}", "strong"),
        Cell(
            f"at the rates now: {money_text(Decimal(ahead['day_usdt']))} a day, "
            f"{money_text(Decimal(ahead['month_usdt']))} in 30 days, {money_text(Decimal(ahead['year_usdt']))} a year"
        ),
    ]
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


def _scope_row(account: str, label: str, scope: Document) -> list[Cell]:
    level = _number(scope["margin_level"])
    has_figures = scope["as_of"] is not None and scope["state"] != "not_created"
    shown = level_text(level) if level is not None else "∞" if scope["state"] == "no_debt" else UNKNOWN
    bars = [_number(scope[name]) for name in ("initial_level", "margin_call_level", "liquidation_level")]
    tone = _tone(level, bars) if scope["state"] == "ok" else "note" if scope["state"] == "stale" else ""
    age = age_text(timedelta(seconds=scope["age_s"])) if scope["age_s"] is not None else ""
    return [
        Cell(account),
        Cell(label),
        Cell(shown if has_figures else "", tone),
        *(Cell(bar_text(bar) if bar is not None else "", "dim") for bar in bars),
        Cell(_liquidated_by(scope), tone),
        Cell(age),
        Cell(_words(scope["state"]), "good" if scope["state"] in ("ok", "no_debt") else "bad"),
    ]


def _liquidated_by(scope: Document) -> str:
    """How far from liquidation, in words."""
    distance = _number(scope["distance_to_liquidation"])
    if distance is None:
        is_safe = scope["state"] == "no_debt" or scope["margin_level"] is not None
        return "no move of prices" if is_safe else ""
    if "index_price" in scope:
        side = {"below": "fall", "above": "rise"}.get(scope["danger"] or "", "move")
        return f"a {side} of {percent_text(distance)} to {price_text(_number(scope['liquidation_price']))}"
    drop = _number(scope["drop_to_liquidation"])
    return f"a {'fall' if drop is not None and drop <= distance else 'rise'} of {percent_text(distance)}"


def _tone(level: Decimal | None, bars: Sequence[Decimal | None]) -> Tone:
    initial, call, _ = bars
    if level is None or initial is None or call is None:
        return ""
    return "bad" if level <= call else "note" if level < initial else "good"


def _scopes(account: Document) -> Iterable[tuple[str, Document]]:
    if account.get("cross") is not None:
        yield "cross", account["cross"]
    for pair in account["isolated"]:
        yield pair["symbol"], pair


def _asset_rows(account: Document) -> Iterable[tuple[str, Document]]:
    if account.get("cross") is not None:
        yield from (("cross", row) for row in account["cross"]["balances"])
    for pair in account["isolated"]:
        yield from ((pair["symbol"], side) for side in (pair["base"], pair["quote"]) if side is not None)


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


def _shown_time(text: str) -> str:
    return f"{text[:10]} {text[11:19]} UTC"


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _words(state: str) -> str:
    return state.replace("_", " ")
