"""Attribution of movements in the exchange's histories: own orders, the exchange, or somebody else."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import LiquidationOrder, Scope
from monitor.core.model.intent import SPENT_STATES, Intent, IntentState
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
from monitor.core.numbers.amounts import ONE, ZERO, format_decimal

TRACE_WINDOW = timedelta(minutes=10)
"""Maximum time between an order and a ledger row of exactly its amount that counts as its trace."""


REPAID_AFTER = timedelta(seconds=30)
"""Maximum time between a confirmed sale and the repayment from its proceeds: a later step of the exchange."""

MAX_UNREAD_GAIN = Decimal("0.05")
"""Maximum share by which a sale is taken to have brought more than expected, as long as its order was not read.

Prices move for us as well. What is above that was repaid from another sale, which a lost record may have held.
"""


def may_be_trace(intent: Intent, at: datetime, late_by: timedelta = SAME_EVENT_TOLERANCE) -> bool:
    """Return whether a movement of that time may be the trace of a sent order.

    What confirmed an order had moved by then: a movement more than `late_by` later is another one, though it is equal.
    """
    sent = intent.submitted_at
    if sent is None or not -SAME_EVENT_TOLERANCE <= at - sent <= TRACE_WINDOW:
        return False
    is_proven = intent.state is IntentState.CONFIRMED and intent.resolved_by is None
    return not is_proven or intent.settled_at is None or at <= intent.settled_at + late_by


def attribute_ledger_rows(
    rows: Iterable[LedgerRow], repayments: Sequence[ExchangeRecord], intents: Iterable[Intent], seen_at: datetime
) -> tuple[Movement, ...]:
    """Return the movements of the ledger rows with their origin. `repayments` is the repayment history of that time."""
    every = sorted(rows, key=lambda row: (row.at, row.id))
    traces = _own_rows(every, repayments, tuple(intents))
    found = []
    for row in every:
        own_intent = traces.get((row.scope, row.id))
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
    # What moved nothing takes no order from what did.
    every = sorted(
        (transfer for transfer in transfers if transfer.status in ("CONFIRMED", "FAILED")),
        key=lambda transfer: (transfer.status == "FAILED", transfer.at, transfer.tx_id),
    )
    traces = _own_transfers(every, tuple(intents))
    found = []
    for transfer in every:
        own_intent = traces.get((transfer.scope, transfer.tx_id, transfer.is_incoming))
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


def _own_rows(
    rows: Sequence[LedgerRow], repayments: Sequence[ExchangeRecord], intents: Sequence[Intent]
) -> Mapping[tuple[Scope, int], Intent]:
    """Return the own order of each ledger row that has one.

    An order explains the rows of its number, or one other row of a scope; a sale explains automatic repayments up to
    the amount that it brought.
    """
    found: dict[tuple[Scope, int], Intent] = {}
    explained: set[tuple[int, Scope]] = set()
    repaid: dict[int, Decimal] = {}
    records = [find_record(row, repayments) if row.kind == "REPAY" else None for row in rows]
    for way in ("number", "record", "amount"):
        for row, record in zip(rows, records, strict=True):
            kind = {"REPAY": Repay, "TRANSFER": Transfer}.get(row.kind)
            if kind is None or (row.scope, row.id) in found:
                continue
            fitting = [i for i in intents if isinstance(i.order, kind) and _affects_scope(i, row.scope)]
            free = [intent for intent in fitting if (intent.id, row.scope) not in explained]
            if way == "number":
                # A number is an identity, however many rows the exchange books under it.
                own_intent = _numbered(fitting, {str(row.tran_id)})
            elif way == "record":
                own_intent = None if record is None else _numbered(free, {record.ref})
            elif record is not None and record.is_automatic:
                own_intent = _repaid_by_sale(row, intents, repaid)
                if own_intent is not None:
                    repaid[own_intent.id] = repaid.get(own_intent.id, ZERO) + row.amount
            else:
                # Repayments and their history share their numbers.
                unnamed = [intent for intent in free if record is None or intent.ref is None]
                own_intent = _equal(unnamed, row.asset, row.amount, row.at)
            if own_intent is not None:
                found[row.scope, row.id] = own_intent
                explained.add((own_intent.id, row.scope))
    return found


def _own_transfers(
    transfers: Sequence[MarginTransfer], intents: Sequence[Intent]
) -> Mapping[tuple[Scope, int, bool], Intent]:
    """Return the own order of each transfer that has one. An order explains one transfer of a scope."""
    found: dict[tuple[Scope, int, bool], Intent] = {}
    explained: set[tuple[int, Scope]] = set()
    for by_number in (True, False):
        for transfer in transfers:
            key = transfer.scope, transfer.tx_id, transfer.is_incoming
            if key in found:
                continue
            free = [
                intent
                for intent in intents
                if isinstance(intent.order, Transfer)
                and _affects_scope(intent, transfer.scope)
                and (intent.id, transfer.scope) not in explained
            ]
            own_intent = (
                _numbered(free, {str(transfer.tx_id)})
                if by_number
                else _equal(free, transfer.asset, transfer.amount, transfer.at)
            )
            if own_intent is not None:
                found[key] = own_intent
                explained.add((own_intent.id, transfer.scope))
    return found


def _repaid_by_sale(row: LedgerRow, intents: Iterable[Intent], repaid: Mapping[int, Decimal]) -> Intent | None:
    """Return the own sale whose proceeds the exchange repaid with, as the order requested.

    `repaid` is what other rows are known to have repaid of each sale.
    """
    sales = (
        intent
        for intent in intents
        if isinstance(intent.order, Reduce)
        and (intent.state in SPENT_STATES or intent.executed_late)
        and (intent.scope, intent.asset) == (row.scope, row.asset)
        and may_be_trace(intent, row.at, REPAID_AFTER)
        and _has_brought(intent, repaid.get(intent.id, ZERO) + row.amount)
    )
    return max(sales, key=lambda intent: intent.id, default=None)


def _has_brought(sale: Intent, amount: Decimal) -> bool:
    """Return whether a sale may have brought so much: the amount is exact once the exchange's order was read."""
    is_read = sale.state is IntentState.CONFIRMED and sale.resolved_by is None
    return amount <= (sale.amount if is_read else sale.amount * (ONE + MAX_UNREAD_GAIN))


def _affects_scope(intent: Intent, scope: Scope) -> bool:
    """Return whether the order changes the scope: its destination, or cross as its source."""
    from_cross = isinstance(intent.order, Transfer) and intent.order.source == "cross"
    return scope == intent.scope or (from_cross and not scope.symbol)


def _numbered(intents: Iterable[Intent], numbers: Container[str]) -> Intent | None:
    """Return the intent with one of these transaction ids."""
    return next((intent for intent in intents if intent.ref is not None and intent.ref in numbers), None)


def _equal(intents: Iterable[Intent], asset: str, amount: Decimal, at: datetime) -> Intent | None:
    """Return the intent of exactly this amount and time: ids may differ between histories."""
    return next(
        (
            intent
            for intent in intents
            if (intent.state in SPENT_STATES or intent.executed_late)
            and intent.asset == asset
            and intent.amount == amount
            and may_be_trace(intent, at)
        ),
        None,
    )
