"""Mapping of core values to database rows and back."""

import json
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping

from monitor.core.model.account import InterestCharge, Scope
from monitor.core.model.alert import Alert, AlertKey, AlertState, NotificationReason
from monitor.core.model.intent import BalanceBefore, Intent, IntentState
from monitor.core.model.order import CancelOrders, ManualCall, Order, Reduce, Repay, Transfer
from monitor.core.notifications.outbox import Delivery, DeliveryState, LastNotified
from monitor.core.numbers.amounts import format_decimal

DbRow = RowMapping

_ORDER_TYPES = {
    Repay: "repay",
    Transfer: "transfer",
    Reduce: "reduce",
    CancelOrders: "cancel_orders",
    ManualCall: "call",
}


def row_from_alert(alert: Alert) -> dict[str, Any]:
    """Return the row of `alert`."""
    return {
        "id": alert.id,
        "rule": alert.key.rule,
        "account": alert.key.account,
        "scope": alert.key.scope,
        "subject": alert.key.subject,
        "state": alert.state,
        "severity": alert.severity,
        "since": alert.since,
        "when": alert.when,
        "clear": alert.clear,
        "summary": alert.summary,
        "labels": json.dumps(dict(alert.labels), ensure_ascii=False),
        "value": alert.value,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "unknown_since": alert.unknown_since,
        "pending_s": alert.pending_s,
        "clear_since": alert.clear_since,
        "updated_at": alert.updated_at,
        "notified_at": alert.notified_at,
        "told_since": alert.told_since,
        "escalated": alert.escalated,
        "acked_by": alert.acked_by,
        "acked_at": alert.acked_at,
        "ack_comment": alert.ack_comment,
        "ack_ended_at": alert.ack_ended_at,
        "silenced_by": alert.silenced_by,
        "inhibited_by": alert.inhibited_by,
        "kept_quiet_by": alert.kept_quiet_by,
        "end_announced": alert.end_announced,
        "gone": alert.gone,
    }


def alert_from_row(row: DbRow) -> Alert:
    """Return the alert of a row of `alerts`."""
    values: dict[str, Any] = {**row}
    key = AlertKey(values.pop("rule"), values.pop("account"), values.pop("scope"), values.pop("subject"))
    labels = json.loads(values.pop("labels"))
    return Alert(key=key, labels=labels, state=AlertState(values.pop("state")), **values)


def row_from_intent(intent: Intent) -> dict[str, Any]:
    """Return the row of `intent`."""
    order = intent.order
    return {
        "id": intent.id,
        "plan": intent.plan,
        "action": intent.action,
        "kind": intent.kind,
        "mode": intent.mode,
        "account": intent.account,
        "order_type": _ORDER_TYPES[type(order)],
        "scope": order.scope.kind,
        "symbol": order.scope.symbol,
        "asset": order.asset,
        "amount": order.amount,
        "source": _source_of(order),
        "market": order.symbol if isinstance(order, Reduce) else None,
        "side": order.side if isinstance(order, Reduce) else None,
        "quantity": order.quantity if isinstance(order, Reduce) else None,
        "price": order.price if isinstance(order, Reduce) else None,
        "client_id": order.client_id if isinstance(order, Reduce) else None,
        "state": intent.state,
        "amount_usdt": intent.amount_usdt,
        "created_at": intent.created_at,
        "alert": intent.alert,
        "goal": None if intent.destination is None else intent.destination.symbol,
        "purpose": intent.purpose,
        "reason": intent.reason,
        "level_before": intent.level_before,
        "level_after": intent.level_after,
        "submitted_at": intent.submitted_at,
        "settled_at": intent.settled_at,
        "owed_before": intent.owed_before,
        "free_before": intent.free_before,
        "source_before": intent.source_before,
        "ref": intent.ref,
        "evidence": intent.evidence,
        "expires_at": intent.expires_at,
        "refused_code": intent.refused_code,
        "refused_transiently": intent.refused_transiently,
        "executed_late": intent.executed_late,
        "resolved_by": intent.resolved_by,
        "stopped_by_limit": intent.stopped_by_limit,
        "asked_at": intent.asked_at,
        "balances_before": _balances_text(intent.balances_before),
        "uid": intent.uid,
        "awaits_judgement": intent.awaits_judgement,
    }


def intent_from_row(row: DbRow) -> Intent:
    """Return the intent of a row of `intents`."""
    values: dict[str, Any] = {**row}
    values.pop("scope")
    values.pop("epoch")
    scope, asset, amount = Scope(values.pop("symbol")), values.pop("asset"), values.pop("amount")
    source, order_type, goal = values.pop("source"), values.pop("order_type"), values.pop("goal")
    market, side, quantity = values.pop("market"), values.pop("side"), values.pop("quantity")
    price, client_id = values.pop("price"), values.pop("client_id")
    balances = _balances_from_text(values.pop("balances_before"))
    order: Order | ManualCall
    match order_type:
        case "reduce":
            order = Reduce(scope, asset, amount, market, side, quantity, price, source, client_id)
        case "cancel_orders":
            order = CancelOrders(scope, asset, source)
        case "transfer":
            order = Transfer(source, scope, asset, amount)
        case "call":
            order = ManualCall(values["action"], scope, asset, amount)
        case _:
            order = Repay(scope, asset, amount)
    return Intent(
        order=order,
        state=IntentState(values.pop("state")),
        destination=None if goal is None else Scope(goal),
        balances_before=balances,
        **values,
    )


def _balances_text(balances: tuple[BalanceBefore, ...]) -> str | None:
    rows = [[row.asset, format_decimal(row.held), format_decimal(row.owed)] for row in balances]
    return json.dumps(rows, separators=(",", ":")) if rows else None


def _balances_from_text(text: str | None) -> tuple[BalanceBefore, ...]:
    rows = [] if text is None else json.loads(text)
    return tuple(BalanceBefore(asset, Decimal(held), Decimal(owed)) for asset, held, owed in rows)


def _source_of(order: Order | ManualCall) -> str | None:
    """Return what the order takes from: a wallet, the asset that is sold, or the asset that is unlocked."""
    match order:
        case Transfer(source=source):
            return source
        case Reduce(sell_asset=asset) | CancelOrders(unlocks=asset):
            return asset
        case _:
            return None


def delivery_from_row(row: DbRow) -> Delivery:
    """Return the delivery of a row of `deliveries`."""
    values: dict[str, Any] = {**row}
    values.pop("epoch")
    values.pop("account")
    reason = values.pop("reason")
    return Delivery(
        reason=reason if reason in ("notice", "drill") else NotificationReason(reason),
        state=DeliveryState(values.pop("state")),
        **values,
    )


def last_notified_from_row(row: DbRow) -> LastNotified:
    """Return the value of a row of `told`."""
    return LastNotified(row["alert"], row["channel"], AlertState(row["state"]), row["severity"], row["at"])


def charge_from_row(row: DbRow) -> InterestCharge:
    """Return the charge of a row of `interest`."""
    return InterestCharge(
        scope=Scope(row["symbol"]),
        asset=row["asset"],
        raw_asset=row["raw_asset"],
        principal=row["principal"],
        interest=row["interest"],
        daily_rate=row["daily_rate"],
        kind=row["kind"],
        tx_id=row["tx_id"],
        charged_at=row["charged_at"],
    )
