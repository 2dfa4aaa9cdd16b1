"""The report of a time span as a JSON document: the span, the present state, and the gaps in both."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.engine.history_summary import Extreme, TimeRange, downtime_ranges
from monitor.core.model.account import ScopeKind
from monitor.core.model.intent import IN_FLIGHT_STATES, IntentState
from monitor.core.notifications.outbox import DeliveryState
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.records.alerts import AlertRow, AlertValue
from monitor.records.events import EventRow
from monitor.records.intents import IntentRow
from monitor.records.report import ReportRows
from monitor.view.documents.actions import action_document
from monitor.view.documents.alerts import alert_document
from monitor.view.documents.interest import interest_document
from monitor.view.documents.report_health import health_document
from monitor.view.documents.report_scopes import SeriesIndex, SeriesKey, scope_entry
from monitor.view.documents.silences import silence_document
from monitor.view.documents.status import DaemonStatus, status_document
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.report import (
    MovementSumDocument,
    ReportAccountDocument,
    ReportActionsDocument,
    ReportAlertDocument,
    ReportDocument,
)
from monitor.view.formatting import find_first_metric
from monitor.view.json_values import json_seconds, json_time


def report_document(
    rows: ReportRows, accounts: Sequence[str], since: datetime, now: datetime, version: str, *, pause_file: bool
) -> ReportDocument:
    """The report on the named accounts. `pause_file`: whether the file that pauses all actions exists."""
    span = TimeRange(since, now)
    daemon = rows.status.daemon
    is_running = daemon is not None and daemon.running
    down = downtime_ranges(rows.runs, rows.first_run, is_running, span)
    paused = rows.pause is not None or pause_file
    seen = DaemonStatus(paused=paused)
    if daemon is not None:
        seen = DaemonStatus(daemon.running, daemon.pid, daemon.since, paused, daemon.host, rows.status.holders)
    live = {row.account: json.loads(row.document) for row in rows.status.documents}
    status = status_document(accounts, live, seen, now, version, rows.status.stops)
    book = SeriesIndex(rows.series, down, span, _lows_of_alerts(rows.alert_values))
    return {
        "generated_at": json_time(now),
        "version": version,
        "since": json_time(since),
        "until": json_time(now),
        "span_s": json_seconds(now - since),
        "daemon": status["daemon"],
        "accounts": [_account(account, book) for account in status["accounts"]],
        "interest": interest_document(rows.charges, list(live.values()), since, now, "asset", rows.charge_spans),
        "alerts": [_alert(row, now) for row in rows.alerts],
        "actions": _actions(rows.intents, book, status["accounts"]),
        "movements": _movements(rows.movements),
        "health": health_document(rows, book, accounts, down, span),
        "quiet": {
            "paused": None if rows.pause is None else {"by": rows.pause[0], "at": json_time(rows.pause[1])},
            "pause_file": pause_file,
            "silences": [silence_document(silence, now) for silence in rows.silences],
        },
        "audit_head": rows.audit_head,
    }


def _lows_of_alerts(rows: Sequence[AlertValue]) -> Mapping[SeriesKey, Sequence[Extreme]]:
    """The lowest values that alerts recorded, by series: alerts see every price, samples only every read."""
    found: dict[SeriesKey, list[Extreme]] = {}
    for row in rows:
        metric = find_first_metric(row.when)
        if metric is not None:
            found.setdefault((row.account, row.scope, row.subject, metric.name), []).append(Extreme(row.value, row.at))
    return found


def _account(account: AccountDocument, book: SeriesIndex) -> ReportAccountDocument:
    name = account["account"]
    cross, pairs = account.get("cross"), account["isolated"]
    scopes = [] if cross is None else [scope_entry(name, "cross", None, cross, book)]
    scopes += [scope_entry(name, "isolated", p["symbol"], p, book) for p in pairs if p["state"] != "not_created"]
    monitored = list(account.get("monitored", ()))
    return {"account": name, "state": account["state"], "scopes": scopes, "monitored": monitored}


def _alert(row: AlertRow, now: datetime) -> ReportAlertDocument:
    """The alert, how long it fired, and the channels that received nothing of it."""
    alert = row.alert
    told = {delivery.channel for delivery in row.deliveries if delivery.state is DeliveryState.SENT}
    missed = {d.channel for d in row.deliveries if d.state in (DeliveryState.QUEUED, DeliveryState.FAILED)}
    end = alert.resolved_at or now
    return {
        **alert_document(alert, row.deliveries),
        "lasted_s": json_seconds(end - (alert.fired_at or alert.since)),
        "undelivered": sorted(missed - told),
    }


def _actions(
    rows: Sequence[IntentRow], book: SeriesIndex, accounts: Sequence[AccountDocument]
) -> ReportActionsDocument:
    """The span's intents, amounts moved, open intents, times of limits, and actions stopped now."""
    moved: dict[tuple[str, ScopeKind, str, str, str], tuple[Decimal, int]] = {}
    for row in rows:
        intent = row.intent
        if intent.state is not IntentState.CONFIRMED:
            continue
        key = (intent.account, intent.scope.kind, intent.scope.symbol, intent.kind, intent.asset)
        total, count = moved.get(key, (ZERO, 0))
        moved[key] = (total + intent.amount, count + 1)
    return {
        "items": [action_document(row.intent, row.steps) for row in rows],
        "moved": [
            {
                "account": account,
                "scope": scope,
                "symbol": symbol or None,
                "kind": kind,
                "asset": asset,
                "amount": format_decimal(amount),
                "count": count,
            }
            for (account, scope, symbol, kind, asset), (amount, count) in sorted(moved.items())
        ],
        "unresolved": sorted(row.intent.id for row in rows if row.intent.state in IN_FLIGHT_STATES),
        "rules_stopped": [stop for account in accounts for stop in account.get("rules_stopped", ())],
        "unasked": sorted(row.intent.id for row in rows if row.intent.is_unasked),
        "stopped": [
            {"account": account["account"], "since": json_time(stretch.since), "until": json_time(stretch.until)}
            for account in accounts
            for stretch in book.times_where(
                account["account"], "account", "", "actions_blocked", lambda value: value > 0
            )
        ],
        "stopped_now": [
            {"account": account["account"], **stop}
            for account in accounts
            for stop in account.get("actions_stopped", ())
        ],
    }


def _movements(rows: Sequence[EventRow]) -> list[MovementSumDocument]:
    """Movements, summed by origin, the exchange's type, and result."""
    sums: dict[tuple[str, ...], tuple[Decimal, int, datetime]] = {}
    for row in rows:
        known = json.loads(row.payload)
        status = str(known.get("status") or "")
        key = (row.account, row.scope, row.symbol, row.type, known["type"], known["origin"], known["asset"], status)
        total, count, last = sums.get(key, (ZERO, 0, row.event_time))
        sums[key] = (total + Decimal(known["amount"]), count + 1, max(last, row.event_time))
    return [
        {
            "account": account,
            "scope": scope,
            "symbol": symbol or None,
            "kind": kind,
            "type": type_,
            "origin": origin,
            "asset": asset,
            "status": status or None,
            "amount": format_decimal(amount),
            "count": count,
            "last_at": json_time(last),
        }
        for (account, scope, symbol, kind, type_, origin, asset, status), (amount, count, last) in sorted(sums.items())
    ]
