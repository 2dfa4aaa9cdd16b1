"""Short texts for a chat: the status, the open alerts, a stress."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from monitor.core.numbers.amounts import INFINITE
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.alerts import AlertDocument, AlertListDocument
from monitor.view.documents.types.scopes import ScopeDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import StressDocument, StressItemDocument
from monitor.view.formatting import (
    format_age,
    format_level,
    format_percent,
    format_threshold,
    format_timestamp,
    format_usdt,
)
from monitor.view.json_values import parse_json_decimal

MAX_ITEMS = 12
"""Lines about alerts or scopes; the rest is counted."""


def status_text(document: StatusDocument) -> str:
    """The level and the distance of each scope that owes something, the nearest to liquidation first."""
    lines = [] if document["daemon"]["running"] else ["No daemon is running: these are the last recorded figures"]
    if document["daemon"]["paused"]:
        lines.append("All actions are paused")
    for account in document["accounts"]:
        lines += _account_lines(account)
    return "\n".join(lines)


def alerts_text(document: AlertListDocument) -> str:
    """The open alerts that have fired, newest first."""
    firing = [alert for alert in document["items"] if alert["state"] == "firing"]
    if not firing:
        return "No alert is firing"
    lines = [_alert_line(alert) for alert in firing[:MAX_ITEMS]]
    return "\n".join([*lines, *_rest(len(firing))])


def stress_text(document: StressDocument) -> str:
    """Each scope that owes something after the shock, those liquidated first on top."""
    items = sorted(
        (item for item in document["accounts"] if item["level_after"] is not None),
        key=lambda item: parse_json_decimal(item["liquidated_at"]) or (INFINITE if not item["liquidated"] else 0),
    )
    if not items:
        return "No scope owes anything, or nothing is known of it yet"
    return "\n".join([*map(_stress_line, items[:MAX_ITEMS]), *_rest(len(items))])


def _account_lines(account: AccountDocument) -> Iterator[str]:
    name = account["account"]
    if account["state"] != "ok":
        yield f"{name}: {account['state'].replace('_', ' ')}"
    cross = account.get("cross")
    scopes: list[tuple[str, ScopeDocument]] = [] if cross is None else [("cross", cross)]
    scopes += [(pair["symbol"], pair) for pair in account["isolated"]]
    owing = [(label, scope) for label, scope in scopes if scope["state"] not in ("no_debt", "not_created")]
    owing.sort(key=lambda item: _distance(item[1]))
    if not owing:
        yield f"{name}: nothing is owed, or nothing is known yet"
    for label, scope in owing[:MAX_ITEMS]:
        yield f"{name} {label}: {_scope_text(scope)}"
    yield from _rest(len(owing))
    firing, orders = account["alerts_firing"], account["intents_in_flight"]
    worst = f", the worst {account['worst_alert']}" if account["worst_alert"] else ""
    yield f"{name}: {firing} alerts firing{worst}; {orders} orders under way"


def _distance(scope: ScopeDocument) -> Decimal:
    found = parse_json_decimal(scope["distance_to_liquidation"])
    return INFINITE if found is None else found


def _scope_text(scope: ScopeDocument) -> str:
    level, bar = parse_json_decimal(scope["margin_level"]), parse_json_decimal(scope["liquidation_level"])
    if level is None:
        return scope["state"]
    text = f"level {format_level(level)}"
    if bar is not None:
        text += f", liquidation at {format_threshold(bar)}"
    distance = parse_json_decimal(scope["distance_to_liquidation"])
    if distance is not None:
        text += f", {format_percent(distance)} away"
    age = scope["live_age_s"] if scope["source"] == "live" and scope.get("live_age_s") is not None else scope["age_s"]
    old = "" if age is None else f", {format_age(timedelta(seconds=age))} old"
    return f"{text} ({'STALE' if scope['state'] == 'stale' else scope['source']}{old})"


def _alert_line(alert: AlertDocument) -> str:
    subject = alert["subject"] or alert["scope"]
    since = format_timestamp(alert["fired_at"] or alert["since"])
    line = f"#{alert['id']} {alert['severity']} {alert['account']} {subject}: {alert['summary'] or alert['rule']}"
    notes = [f"since {since}"]
    if alert["acked"] is not None:
        notes.append(f"acknowledged by {alert['acked']['by']}")
    if alert["silenced_by"] is not None:
        notes.append("silenced")
    return f"{line} ({', '.join(notes)})"


def _stress_line(item: StressItemDocument) -> str:
    before, after = parse_json_decimal(item["level_before"]), parse_json_decimal(item["level_after"])
    scope = f"{item['account']} {item['symbol'] or item['scope']}"
    text = f"{scope}: level {format_level(before)} → {format_level(after)}"
    if not item["liquidated"]:
        return f"{text}, survives"
    needed = parse_json_decimal(item["to_survive_usdt"])
    return f"{text}, LIQUIDATED" + ("" if needed is None else f"; bring in {format_usdt(needed)} before")


def _rest(count: int) -> list[str]:
    return [f"… and {count - MAX_ITEMS} more"] if count > MAX_ITEMS else []
