"""What people change by hand is an intent like any other order, whatever it changes."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

FIRST_BY_HAND = 1_000_000_000

LIVES: dict[str, tuple[str, ...]] = {
    "accepted": ("PLANNED", "SUBMITTING", "ACKNOWLEDGED", "CONFIRMED"),
    "refused": ("PLANNED", "SUBMITTING", "REFUSED"),
    "sending": ("PLANNED", "SUBMITTING", "UNCERTAIN", "UNRESOLVED"),
    "unknown": ("PLANNED", "SUBMITTING", "UNCERTAIN", "UNRESOLVED"),
}
KINDS = {"exchange_margin_small_liabilities": "small_debts", "repay_margin_liquidation_loan": "liquidation_loan"}


def upgrade() -> None:
    connection = op.get_bind()
    calls, intents, steps = (
        sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)
        for name in ("manual_calls", "intents", "intent_transitions")
    )
    last = connection.execute(sa.select(sa.func.max(intents.c.id))).scalar() or 0
    number = max(last + 1, FIRST_BY_HAND)
    open_ones: set[tuple[Any, ...]] = set()
    for call in connection.execute(sa.select(calls).order_by(calls.c.id.desc())).mappings():
        states = LIVES[call["state"]]
        intent = _intent(call, number, states[-1])
        key = tuple(intent[name] for name in ("account", "scope", "symbol", "kind", "asset"))
        if states[-1] == "UNRESOLVED":
            # One of a kind can be open. The older ones held up nobody any more.
            if key in open_ones:
                continue
            open_ones.add(key)
        connection.execute(sa.insert(intents), intent)
        for seq, state in enumerate(states):
            ended_at = intent["settled_at"] or call["started_at"]
            step = {
                "intent": number,
                "seq": seq + 1,
                "from_state": states[seq - 1] if seq else None,
                "to_state": state,
                "at": call["started_at"] if seq < 2 else ended_at,
                "note": "ordered by hand" if not seq else call["answer"] or "",
            }
            connection.execute(sa.insert(steps), step)
        number += 1
    op.drop_table("manual_calls")


def _intent(call: Any, number: int, state: str) -> dict[str, Any]:
    asked = json.loads(call["parameters"])
    pair = asked.get("fromSymbol") or asked.get("toSymbol") or ""
    is_of_pair = call["kind"] == "setting" or str(asked.get("isIsolated")).upper() == "TRUE"
    if is_of_pair:
        pair = pair or asked.get("symbol") or ""
    is_settled = state in ("CONFIRMED", "REFUSED")
    return {
        "id": number,
        "action": call["function"],
        "kind": KINDS.get(call["function"], call["kind"]),
        "mode": "manual",
        "account": call["account"],
        "order_type": "call",
        "scope": "isolated" if pair else "cross",
        "symbol": pair,
        "asset": call["asset"] or ("" if call["kind"] == "setting" else asked.get("symbol") or ""),
        "amount": _amount(asked),
        "state": state,
        "amount_usdt": "0",
        "created_at": call["started_at"],
        "reason": "ordered by hand: " + " ".join(f"{name}={value}" for name, value in asked.items()),
        "submitted_at": call["started_at"],
        "settled_at": (call["ended_at"] or call["started_at"]) if is_settled else None,
        "ref": call["answer"] if state == "CONFIRMED" else None,
        "evidence": call["answer"],
        "refused_code": call["code"],
        "refused_transiently": False,
    }


def _amount(asked: dict[str, Any]) -> str:
    for name in ("amount", "quantity", "quoteOrderQty"):
        try:
            amount = Decimal(str(asked[name]))
        except (KeyError, InvalidOperation):
            continue
        if amount.is_finite():
            return format(amount, "f")
    return "0"
