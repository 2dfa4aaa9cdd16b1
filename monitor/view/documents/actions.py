"""An intent with its steps as a JSON document."""

from collections.abc import Iterable

from monitor.core.model.action_blocks import RuleStop
from monitor.core.model.intent import Intent, IntentStep
from monitor.core.model.order import Reduce
from monitor.core.numbers.amounts import format_decimal
from monitor.view.documents.types.account import RuleStopDocument
from monitor.view.documents.types.actions import ActionDocument, IntentStepDocument, PauseDocument, TradeDocument
from monitor.view.json_values import json_decimal, json_time


def action_document(intent: Intent, steps: Iterable[IntentStep]) -> ActionDocument:
    """The intent and all its steps, oldest first."""
    document: ActionDocument = {
        "id": intent.id,
        "plan": intent.plan,
        "action": intent.action,
        "kind": intent.kind,
        "mode": intent.mode,
        "account": intent.account,
        "scope": intent.scope.kind,
        "symbol": intent.scope.symbol or None,
        "alert": intent.alert,
        "state": intent.state,
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
    trade = _trade_document(intent)
    return document if trade is None else {"order": trade, **document}


def rule_stop_document(stop: RuleStop) -> RuleStopDocument:
    """A rule whose actions are stopped until a person resumes them, or wait until an order is judged (`unjudged`)."""
    return {
        "account": stop.account,
        "rule": stop.rule,
        "intent": stop.intent,
        "since": json_time(stop.at),
        "why": stop.reason,
        "grounds": stop.grounds,
    }


def pause_document(paused: bool, changed: bool, lifted: Iterable[RuleStop] | None = None) -> PauseDocument:
    """The answer to a pause, or to a resumption with the rule stops that it `lifted`."""
    document: PauseDocument = {"paused": paused, "changed": changed}
    if lifted is not None:
        document["lifted"] = [rule_stop_document(stop) for stop in lifted]
    return document


def _trade_document(intent: Intent) -> TradeDocument | None:
    """The trade of an order on the market; None for other orders."""
    order = intent.order
    if not isinstance(order, Reduce):
        return None
    return {
        "symbol": order.symbol,
        "side": order.side,
        "quantity": format_decimal(order.quantity),
        "price": format_decimal(order.price),
        "client_id": order.client_id,
    }


def _step_document(step: IntentStep) -> IntentStepDocument:
    document: IntentStepDocument = {"state": step.to_state, "at": json_time(step.at), "note": step.note}
    if step.trace is not None:
        document["request"] = step.trace.request
        document["answer"] = step.trace.answer
    return document
