"""The rows of `export`: flat, decimals as text, times in UTC."""

from monitor.core.alerting.lifecycle import all_labels
from monitor.core.model.account import InterestCharge
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent
from monitor.core.model.order import Reduce
from monitor.core.numbers.amounts import format_decimal
from monitor.records.exports import MovementRow, SampleRow
from monitor.view.documents.types.exports import (
    ActionExportRow,
    AlertExportRow,
    InterestExportRow,
    MovementExportRow,
    SampleExportRow,
)
from monitor.view.json_values import json_decimal, json_time


def interest_export_row(account: str, charge: InterestCharge) -> InterestExportRow:
    return {
        "at": json_time(charge.charged_at),
        "account": account,
        "scope": charge.scope.kind,
        "symbol": charge.scope.symbol or None,
        "asset": charge.asset,
        "interest": format_decimal(charge.interest),
        "principal": format_decimal(charge.principal),
        "daily_rate": format_decimal(charge.daily_rate),
        "type": charge.kind,
        "raw_asset": charge.raw_asset,
        "tx_id": charge.tx_id,
    }


def movement_export_row(row: MovementRow) -> MovementExportRow:
    movement = row.movement
    return {
        "at": json_time(movement.at),
        "account": row.account,
        "scope": movement.scope.kind,
        "symbol": movement.scope.symbol or None,
        "kind": movement.kind,
        "type": movement.type,
        "asset": movement.asset,
        "amount": format_decimal(movement.amount),
        "origin": movement.origin,
        "intent": movement.intent,
        "key": movement.key,
        "detail": dict(movement.detail or {}),
        "seen_at": json_time(movement.seen_at),
    }


def action_export_row(intent: Intent) -> ActionExportRow:
    trade = intent.order if isinstance(intent.order, Reduce) else None
    return {
        "id": intent.id,
        "created_at": json_time(intent.created_at),
        "account": intent.account,
        "scope": intent.scope.kind,
        "symbol": intent.scope.symbol or None,
        "action": intent.action,
        "kind": intent.kind,
        "mode": intent.mode,
        "state": intent.state,
        "asset": intent.asset,
        "amount": format_decimal(intent.amount),
        "amount_usdt": format_decimal(intent.amount_usdt),
        "alert": intent.alert,
        "plan": intent.plan,
        "market": None if trade is None else trade.symbol,
        "side": None if trade is None else trade.side,
        "quantity": None if trade is None else format_decimal(trade.quantity),
        "price": None if trade is None else format_decimal(trade.price),
        "level_before": json_decimal(intent.level_before),
        "level_after": json_decimal(intent.level_after),
        "submitted_at": json_time(intent.submitted_at),
        "settled_at": json_time(intent.settled_at),
        "tran_id": intent.ref,
        "reason": intent.reason,
        "evidence": intent.evidence,
        "executed_late": intent.executed_late,
        "resolved_by": intent.resolved_by,
    }


def alert_export_row(alert: Alert) -> AlertExportRow:
    return {
        "id": alert.id,
        "since": json_time(alert.since),
        "fired_at": json_time(alert.fired_at),
        "resolved_at": json_time(alert.resolved_at),
        "rule": alert.key.rule,
        "account": alert.key.account,
        "scope": alert.key.scope,
        "subject": alert.key.subject or None,
        "severity": alert.severity,
        "state": alert.state,
        "value": json_decimal(alert.value),
        "when": alert.when,
        "clear": alert.clear,
        "summary": alert.summary,
        "acked_by": alert.acked_by,
        "acked_at": json_time(alert.acked_at),
        "ack_comment": alert.ack_comment,
        "silenced_by": alert.silenced_by,
        "inhibited_by": alert.inhibited_by,
        "gone": alert.gone,
        "labels": dict(all_labels(alert)),
    }


def sample_export_row(row: SampleRow) -> SampleExportRow:
    return {
        "at": json_time(row.at),
        "account": row.account,
        "scope": row.scope,
        "subject": row.subject or None,
        "metric": row.metric,
        "value": json_decimal(row.value),
        "missing": row.missing,
    }
