"""The events of a demo run, read from the daemon's database: its part of the demo document."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from monitor.core.model.account import LiquidationOrder
from monitor.core.model.alert import AlertState
from monitor.core.model.intent import IntentState
from monitor.core.model.order import CancelOrders, Transfer
from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import format_rfc3339
from monitor.records.alerts import AlertRow
from monitor.records.history import HistoryRow
from monitor.records.intents import IntentRow
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.events import read_events
from monitor.store.readers.history import read_history
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.view.documents.actions import action_document
from monitor.view.documents.types.demo import (
    DemoAlertDocument,
    DemoMomentDocument,
    DemoMovedDocument,
    DemoRunName,
    DemoRunResult,
)
from monitor.view.json_values import json_decimal

SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as it arrived at the other end of the channel."""

    at: datetime
    title: str


async def read_run_result(
    name: DemoRunName,
    account: str,
    store: Store,
    liquidations: Sequence[LiquidationOrder],
    messages: Sequence[ReceivedMessage],
) -> DemoRunResult:
    """The run's part of the demo document; `series` and `bars` are for its chart."""
    alerts = [row for row in await store.read(read_alerts, include_closed=True) if row.alert.fired_at is not None]
    intents = await store.read(read_intents, include_final=True)
    levels = await _read_points(store, "margin_level", account, "cross", "")
    sold = [order for order in liquidations if not order.isolated]
    liquidated_at = min((order.at for order in sold), default=None)
    lowest_at, lowest = min(levels, key=lambda point: point[1], default=(None, None))
    return {
        "name": name,
        "liquidated_at": None if liquidated_at is None else format_rfc3339(liquidated_at),
        "lowest_level": json_decimal(lowest),
        "lowest_at": None if lowest_at is None else format_rfc3339(lowest_at),
        "alerts": [_alert_item(row, liquidated_at) for row in sorted(alerts, key=lambda row: row.alert.id)],
        "actions": [action_document(row.intent, row.steps) for row in intents],
        "moved": _sum_moved(intents),
        "told": len(messages),
        "streamed": len(await store.read(read_events, limit=None)),
        "timeline": [_timeline_entry(name, *event) for event in _timeline_events(alerts, intents, sold, messages)],
        "series": {
            "margin_level": _point_texts(levels),
            **{
                s: _point_texts(await _read_points(store, "index_price", account, "isolated", s))
                for s in ("BTCUSDT", "SOLUSDT")
            },
        },
        "bars": {
            bar: format_decimal(points[-1][1])
            for bar in ("initial_level", "margin_call_level", "liquidation_level")
            if (points := await _read_points(store, bar, account, "cross", ""))
        },
    }


async def _read_points(
    store: Store, metric: str, account: str, scope: Any, subject: str
) -> list[tuple[datetime, Decimal]]:
    rows: Sequence[HistoryRow] = await store.read(
        read_history, metric, account=account, scope=scope, subject=subject or None
    )
    return [(p.at, p.value) for row in rows for p in row.points if p.value is not None and p.value.is_finite()]


def _alert_item(row: AlertRow, liquidated_at: datetime | None) -> DemoAlertDocument:
    alert = row.alert
    assert alert.fired_at is not None
    before = None
    if liquidated_at is not None and alert.fired_at <= liquidated_at:
        before = f"{(liquidated_at - alert.fired_at).total_seconds() / SECONDS_PER_MINUTE:.1f}"
    return {
        "id": alert.id,
        "rule": alert.key.rule,
        "scope": alert.key.scope,
        "subject": alert.key.subject or None,
        "severity": alert.severity,
        "fired_at": format_rfc3339(alert.fired_at),
        "minutes_before_liquidation": before,
    }


def _sum_moved(intents: Iterable[IntentRow]) -> DemoMovedDocument:
    repaid: dict[str, Decimal] = {}
    transferred: dict[str, Decimal] = {}
    for row in intents:
        if row.intent.state is IntentState.CONFIRMED and not isinstance(row.intent.order, CancelOrders):
            sums = transferred if isinstance(row.intent.order, Transfer) else repaid
            sums[row.intent.asset] = sums.get(row.intent.asset, Decimal(0)) + row.intent.amount
    return {"repaid": _amount_texts(repaid), "transferred_in": _amount_texts(transferred)}


def _amount_texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {asset: format_decimal(amount) for asset, amount in amounts.items()}


def _timeline_events(
    alerts: Iterable[AlertRow],
    intents: Iterable[IntentRow],
    sold: Sequence[LiquidationOrder],
    messages: Iterable[ReceivedMessage],
) -> list[tuple[datetime, str, str]]:
    events: list[tuple[datetime, str, str]] = [(message.at, "told", message.title) for message in messages]
    for row in alerts:
        alert = row.alert
        where = alert.key.subject or alert.key.scope
        if alert.fired_at is not None:
            events.append(
                (alert.fired_at, "alert", f"{alert.severity} {alert.key.rule} on {where} fires (#{alert.id})")
            )
        if alert.state is AlertState.RESOLVED and alert.resolved_at is not None:
            events.append((alert.resolved_at, "resolved", f"{alert.key.rule} on {where} is over (#{alert.id})"))
    for intent_row in intents:
        intent = intent_row.intent
        for step in intent_row.steps:
            amount = json_decimal(intent.amount)
            said = f"{intent.action} {amount} {intent.asset}: {step.to_state} ({step.note})"
            events.append((step.at, "action", said))
    for order in sold:
        what = f"{order.side} {json_decimal(order.quantity)} {order.symbol} at {json_decimal(order.price)}"
        events.append((order.at, "liquidation", f"the exchange liquidates: {what}"))
    return sorted(events)


def _timeline_entry(run: DemoRunName, at: datetime, kind: str, text: str) -> DemoMomentDocument:
    return {"at": format_rfc3339(at), "run": run, "kind": kind, "text": text}


def _point_texts(points: Iterable[tuple[datetime, Decimal]]) -> list[list[str]]:
    return [[format_rfc3339(at), json_decimal(value) or ""] for at, value in points]


def find_failures(runs: Sequence[DemoRunResult]) -> list[str]:
    """Expectations that the runs missed, a line each; empty when all were met."""
    by_name = {run["name"]: run for run in runs}
    wrong: list[str] = [f"{run['name']}: the streams delivered nothing" for run in runs if not run["streamed"]]
    unguarded, guarded = by_name.get("unguarded"), by_name.get("guarded")
    if unguarded is not None:
        if unguarded["liquidated_at"] is None:
            wrong.append("unguarded: the account was not liquidated")
        elif not _warned_before(unguarded):
            wrong.append("unguarded: no critical alert came before the liquidation")
        if not unguarded["told"]:
            wrong.append("unguarded: nobody was told anything")
        if unguarded["actions"]:
            wrong.append("unguarded: something was done though nothing was allowed")
    if guarded is not None:
        if guarded["liquidated_at"] is not None:
            wrong.append("guarded: the account was liquidated all the same")
        if not guarded["moved"]["repaid"]:
            wrong.append("guarded: nothing was repaid")
        if not guarded["told"]:
            wrong.append("guarded: nobody was told anything")
    return wrong


def _warned_before(run: DemoRunResult) -> bool:
    return any(
        alert["scope"] == "cross"
        and alert["severity"] == "critical"
        and alert["minutes_before_liquidation"] is not None
        for alert in run["alerts"]
    )
