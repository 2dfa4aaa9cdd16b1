"""An intent with its steps as a JSON document."""

from collections.abc import Iterable

from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.intent import Intent, IntentStep
from monitor.core.model.order import Reduce
from monitor.core.numbers.amounts import format_decimal
from monitor.view.json_values import Document, json_decimal, json_time


def action_document(intent: Intent, steps: Iterable[IntentStep]) -> Document:
    """The intent and all its steps, oldest first."""
    return _market(intent) | {
        "id": intent.id,
        "plan": intent.plan,
        "action": intent.action,
        "kind": intent.kind,
        "mode": intent.mode,
        "account": intent.account,
        "scope": intent.scope.kind,
        "symbol": intent.scope.symbol or None,
        "alert": intent.alert,
        "state": intent.state.value,
        "asset": intent.asset,
        "amount": format_decimal(intent.amount),
        "amount_usdt": format_decimal(intent.amount_usdt),
        "reason": intent.reason,
        "level_before": json_decimal(intent.level_before),
        "level_after": json_decimal(intent.level_after),
        "created_at": json_time(intent.created_at),
        "asked_at": json_time(intent.asked_at),
        "expires_at": json_time(intent.expires_at),
        "tran_id": intent.ref,
        "evidence": intent.evidence,
        "executed_late": intent.executed_late,
        "resolved_by": intent.resolved_by,
        "stopped_by_limit": intent.stopped_by_limit,
        "steps": [_step_document(step) for step in steps],
    }


def rule_stop_document(stop: RuleStop) -> Document:
    """A rule whose actions are stopped until a person resumes them, or wait until an order is judged (`unjudged`)."""
    return {
        "account": stop.account,
        "rule": stop.rule,
        "intent": stop.intent,
        "since": json_time(stop.at),
        "why": stop.reason,
        "grounds": stop.grounds,
    }


def _market(intent: Intent) -> Document:
    """The trade of an order on the market; empty for other orders."""
    order = intent.order
    if not isinstance(order, Reduce):
        return {}
    return {
        "order": {
            "symbol": order.symbol,
            "side": order.side,
            "quantity": format_decimal(order.quantity),
            "price": format_decimal(order.price),
            "client_id": order.client_id,
        }
    }


def _step_document(step: IntentStep) -> Document:
    told = {"state": step.to_state.value, "at": json_time(step.at), "note": step.note}
    return told if step.trace is None else told | {"request": step.trace.request, "answer": step.trace.answer}
