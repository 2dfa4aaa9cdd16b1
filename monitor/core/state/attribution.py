"""Attribution of movements in the exchange's histories: own orders, the exchange, or somebody else."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import LiquidationOrder, Scope
from monitor.core.model.intent import SPENT_STATES, Intent
from monitor.core.model.ledger import (
    SAME_EVENT_TOLERANCE,
    LedgerRow,
    MarginTransfer,
    Movement,
    MovementOrigin,
    find_record,
)
from monitor.core.model.order import ExchangeRecord, Reduce, Repay, Transfer
from monitor.core.model.reads import OrderUpdate
from monitor.core.numbers.amounts import ZERO, format_decimal

TRACE_WINDOW = timedelta(minutes=10)
"""Maximum time between an order and a ledger row of exactly its amount that counts as its trace."""


def attribute_ledger_rows(
    rows: Iterable[LedgerRow], repayments: Sequence[ExchangeRecord], intents: Iterable[Intent], seen_at: datetime
) -> tuple[Movement, ...]:
    """Return the movements of the ledger rows with their origin. `repayments` is the repayment history of that time."""
    known = tuple(intents)
    found = []
    for row in rows:
        own_intent = _own_intent(row, known) or _repaid_by_sale(row, repayments, known)
        origin: MovementOrigin = "ours" if own_intent is not None else _ledger_origin(row, repayments)
        detail = {"id": row.id, "tranId": row.tran_id, "note": row.note or None}
        found.append(
            Movement(
                scope=row.scope,
                kind="capital-flow",
                key=str(row.id),
                at=row.at,
                seen_at=seen_at,
                asset=row.asset,
                amount=row.amount,
                type=row.kind,
                origin=origin,
                intent=None if own_intent is None else own_intent.id,
                detail=detail,
            )
        )
    return tuple(found)


def attribute_transfers(
    transfers: Iterable[MarginTransfer], intents: Iterable[Intent], seen_at: datetime
) -> tuple[Movement, ...]:
    """Return the movements of the settled transfers with their origin."""
    known = tuple(intents)
    found = []
    for transfer in transfers:
        if transfer.status not in ("CONFIRMED", "FAILED"):
            continue
        own_intent = _own_transfer_intent(transfer, known)
        origin: MovementOrigin = "ours" if own_intent is not None else _ORIGIN_BY_REQUEST[transfer.was_requested]
        found.append(
            Movement(
                scope=transfer.scope,
                kind="transfer",
                key=f"{transfer.tx_id} {'in' if transfer.is_incoming else 'out'}",
                at=transfer.at,
                seen_at=seen_at,
                asset=transfer.asset,
                amount=transfer.amount,
                type="ROLL_IN" if transfer.is_incoming else "ROLL_OUT",
                origin=origin,
                intent=None if own_intent is None else own_intent.id,
                detail={"txId": transfer.tx_id, "other": transfer.other, "status": transfer.status},
            )
        )
    return tuple(found)


def liquidation_movements(orders: Iterable[LiquidationOrder], seen_at: datetime) -> tuple[Movement, ...]:
    """Return the movements of forced orders; `amount` is in the base asset of the symbol."""
    return tuple(
        Movement(
            scope=Scope(order.symbol) if order.isolated else Scope(),
            kind="liquidation",
            key=f"{order.symbol} {order.order_id}",
            at=order.at,
            seen_at=seen_at,
            asset=order.symbol,
            amount=order.quantity,
            type=order.side,
            origin="liquidation",
            detail={"symbol": order.symbol, "orderId": order.order_id, "avgPrice": format_decimal(order.price + ZERO)},
        )
        for order in orders
    )


def attribute_daemon_order(
    scope: Scope, update: OrderUpdate, intents: Iterable[Intent], seen_at: datetime
) -> tuple[Movement, ...]:
    """Return the movement of an order with a client id of this program's daemons, unless an own intent gave it."""
    if any(isinstance(i.order, Reduce) and i.order.client_id == update.client_id for i in intents):
        return ()
    return (
        Movement(
            scope=scope,
            kind="order",
            key=f"{update.symbol} {update.order_id}",
            at=update.as_of,
            seen_at=seen_at,
            asset=update.symbol,
            amount=update.quantity,
            type="ORDER",
            origin="another hand",
            detail={"clientOrderId": update.client_id, "orderId": update.order_id},
        ),
    )


def needs_repayment_history(rows: Iterable[LedgerRow]) -> bool:
    """Return whether the origin of some rows can be found only in the history of repayments."""
    return any(row.kind == "REPAY" for row in rows)


_ORIGIN_BY_REQUEST: Mapping[bool | None, MovementOrigin] = {
    True: "another hand",
    False: "exchange",
    None: "another hand or exchange",
}

_TRADE_KINDS = ("BUY_INCOME", "BUY_EXPENSE", "SELL_INCOME", "SELL_EXPENSE", "TRADING_COMMISSION")


def _ledger_origin(row: LedgerRow, repayments: Sequence[ExchangeRecord]) -> MovementOrigin:
    if row.kind in _TRADE_KINDS:
        return "trade"
    if "LIQUIDATION" in row.kind:
        return "liquidation"
    if row.kind == "COMMISSION_RETURN":
        return "exchange"
    if row.kind == "REPAY":
        record = find_record(row, repayments)
        if record is not None:
            return "exchange" if record.is_automatic else "another hand"
    return "another hand or exchange" if row.kind in ("REPAY", "TRANSFER", "BORROW") else "another hand"


def _own_intent(row: LedgerRow, intents: Iterable[Intent]) -> Intent | None:
    kind = {"REPAY": Repay, "TRANSFER": Transfer}.get(row.kind)
    if kind is None:
        return None
    ours = [i for i in intents if isinstance(i.order, kind) and _affects_scope(i, row.scope)]
    return _matching_intent(ours, str(row.tran_id), row.asset, row.amount, row.at)


def _repaid_by_sale(row: LedgerRow, repayments: Sequence[ExchangeRecord], intents: Iterable[Intent]) -> Intent | None:
    """Return the own sale whose proceeds the exchange repaid with, as the order requested."""
    record = find_record(row, repayments) if row.kind == "REPAY" else None
    if record is None or not record.is_automatic:
        return None
    sales = (
        intent
        for intent in intents
        if isinstance(intent.order, Reduce)
        and (intent.state in SPENT_STATES or intent.executed_late)
        and (intent.scope, intent.asset) == (row.scope, row.asset)
        and intent.submitted_at is not None
        and -SAME_EVENT_TOLERANCE <= row.at - intent.submitted_at <= TRACE_WINDOW
    )
    return max(sales, key=lambda intent: intent.id, default=None)


def _own_transfer_intent(transfer: MarginTransfer, intents: Iterable[Intent]) -> Intent | None:
    ours = [i for i in intents if isinstance(i.order, Transfer) and _affects_scope(i, transfer.scope)]
    return _matching_intent(ours, str(transfer.tx_id), transfer.asset, transfer.amount, transfer.at)


def _affects_scope(intent: Intent, scope: Scope) -> bool:
    """Return whether the order changes the scope: its destination, or cross as its source."""
    from_cross = isinstance(intent.order, Transfer) and intent.order.source == "cross"
    return scope == intent.scope or (from_cross and not scope.symbol)


def _matching_intent(
    intents: Sequence[Intent], number: str, asset: str, amount: Decimal, at: datetime
) -> Intent | None:
    """Return the intent of the transaction id; else, since ids may differ between histories, by amount and time."""
    numbered = next((i for i in intents if i.ref == number), None)
    if numbered is not None:
        return numbered
    return next(
        (
            i
            for i in intents
            if (i.state in SPENT_STATES or i.executed_late)
            and i.asset == asset
            and i.amount == amount
            and i.submitted_at is not None
            and -SAME_EVENT_TOLERANCE <= at - i.submitted_at <= TRACE_WINDOW
        ),
        None,
    )
