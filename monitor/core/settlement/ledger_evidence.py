"""Evidence of the margin ledger: the row of an order, and other movements that changed the same balances."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow, Movement, find_record
from monitor.core.model.order import ExchangeRecord, Repay, Transfer
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.core.settlement.observation import find_send_time
from monitor.core.state.attribution import TRACE_WINDOW
from monitor.core.state.foreign_movements import find_explained, find_foreign_movements, find_unexplained

AFTER_SEND_MARGIN = timedelta(milliseconds=300)
"""A row dated this long after the send is certainly not in the balances read before it: the two clocks differ by at
most half of a round trip."""

_REPAY_KINDS = frozenset({"REPAY", "REPAY_LIQUIDATION", "SMALL_CONVERT"})
_BORROW_KINDS = frozenset({"BORROW"})


def matching_row(
    intent: Intent,
    rows: Iterable[LedgerRow],
    records: Sequence[ExchangeRecord],
    own_row: ExchangeRecord | None,
    claimed_refs: frozenset[str],
) -> LedgerRow | None:
    """The ledger row of this intent: by transaction id, else by exact amount among rows that nothing else explains.

    `own_row` is the intent's record in the history, where there is one. Whether ledger and history share their ids is
    not documented, so the id of either matches. Rows of what the exchange did by itself never match, and neither do
    rows of other intents (`claimed_refs`).
    """
    kind = "REPAY" if isinstance(intent.order, Repay) else "TRANSFER"
    fitting = [row for row in rows if row.kind == kind and row.asset == intent.asset]
    mine = {intent.ref, None if own_row is None else own_row.ref} - {None}
    numbered = next((row for row in fitting if str(row.tran_id) in mine), None)
    if numbered is not None:
        return numbered
    foreign = {r.ref: r for r in records if (r.is_automatic or r.ref in claimed_refs) and r is not own_row}
    # A record whose number a row has stands for that row alone.
    elsewhere = [r for ref, r in foreign.items() if ref not in {str(row.tran_id) for row in fitting}]
    return next(
        (
            row
            for row in fitting
            if row.amount == intent.amount
            and str(row.tran_id) not in claimed_refs
            and str(row.tran_id) not in foreign
            and find_record(row, elsewhere) is None
        ),
        None,
    )


def other_movements(
    intent: Intent, rows: Iterable[LedgerRow], own_row: LedgerRow | None, sent: datetime
) -> tuple[LedgerRow, ...]:
    """Other ledger rows of the order's asset in its scope, dated after the order was sent."""
    return tuple(
        row for row in rows if row is not own_row and row.asset == intent.asset and row.at >= sent + AFTER_SEND_MARGIN
    )


def others_act_beside(
    intent: Intent, movements: Iterable[Movement], intents: Iterable[Intent], watch: timedelta
) -> bool:
    """Return whether others are known to have moved the order's asset shortly before it was sent, or since.

    A movement equal to the order may be theirs then, as where two programs repay all that is idle. An order on the
    market of another daemon of this program counts whatever it trades. `movements` are those of the account, `intents`
    the orders that may explain them, failed ones for the time `watch`.
    """
    since, every = find_send_time(intent) - TRACE_WINDOW, tuple(movements)
    certain = (movement for movement in find_foreign_movements(every) if movement.is_certain and movement.at >= since)
    return any(
        movement.asset == intent.asset or movement.kind == "reduce"
        for movement in find_unexplained(certain, intents, watch, find_explained(every))
    )


def sum_other_transfers(intent: Intent, intents: Iterable[Intent]) -> Decimal:
    """Amount that other confirmed transfers, sent after this one, took out of the same source wallet.

    There is no ledger of a wallet outside margin.
    """
    order, sent = intent.order, intent.submitted_at
    if not isinstance(order, Transfer) or sent is None:
        return ZERO
    return sum(
        (
            other.amount
            for other in intents
            if other.state is IntentState.CONFIRMED and other.submitted_at is not None and other.submitted_at > sent
            if isinstance(other.order, Transfer)
            if (other.order.source, other.asset) == (order.source, order.asset)
        ),
        ZERO,
    )


def own_debt_decrease(debt_decrease: Decimal, other_rows: Iterable[LedgerRow]) -> Decimal:
    """Decrease of a debt without the repayments and loans of other rows."""
    rows = tuple(other_rows)
    repaid = sum((row.amount for row in rows if row.kind in _REPAY_KINDS), ZERO)
    borrowed = sum((row.amount for row in rows if row.kind in _BORROW_KINDS), ZERO)
    return debt_decrease - repaid + borrowed


def others_explain_transfer(arrived: Decimal, left: Decimal, other_rows: Iterable[LedgerRow]) -> bool:
    """Return whether other rows may explain all that arrived in the scope and all that left the source.

    The ledger's amounts have no sign, so each row may be an inflow or an outflow. The source is outside the ledger, and
    only transfers can have taken money out of it.
    """
    rows = tuple(other_rows)
    moved = sum((row.amount for row in rows), ZERO)
    transferred = sum((row.amount for row in rows if row.kind == "TRANSFER"), ZERO)
    return arrived <= moved and left <= transferred


def describe_rows(rows: Iterable[LedgerRow], records: Sequence[ExchangeRecord]) -> str:
    """Text of the rows and their origin: `200 USDT repaid by the exchange itself (78)`."""
    return "; ".join(_describe_row(row, find_record(row, records)) for row in rows)


def _describe_row(row: LedgerRow, record: ExchangeRecord | None) -> str:
    what = {"REPAY": "repaid", "BORROW": "borrowed", "TRANSFER": "transferred"}.get(row.kind, row.kind)
    by = ""
    if row.kind == "REPAY" and record is not None:
        by = " by the exchange itself" if record.is_automatic else " by another hand"
    return f"{format_decimal(row.amount + ZERO)} {row.asset} {what}{by} ({row.tran_id})"
