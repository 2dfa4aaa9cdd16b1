"""The margin ledger as a third witness: whether it shows an order, and what else moved the balances beside it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow, find_record
from monitor.core.model.order import Repay, Transfer, VenueRecord
from monitor.core.numbers.amounts import ZERO, format_decimal

AFTER_SEND_MARGIN = timedelta(milliseconds=300)
"""A row dated this long after the send is surely not yet in the balances from before it: two clocks never agree, but
they do to within half of a round trip."""

_REPAY_KINDS = frozenset({"REPAY", "REPAY_LIQUIDATION", "SMALL_CONVERT"})
_BORROW_KINDS = frozenset({"BORROW"})


def matching_row(
    intent: Intent,
    rows: Iterable[LedgerRow],
    records: Sequence[VenueRecord],
    own_row: VenueRecord | None,
    claimed_refs: frozenset[str],
) -> LedgerRow | None:
    """The ledger's row of this intent: by the transaction's id, else by exact amount and what is nobody else's.

    `own` is its record in the history, where there is one. Whether the two histories share their numbers is not
    documented, so either will do. What the exchange did by itself is never ours, and neither is what other intents
    were found to be (`taken`).
    """
    kind = "REPAY" if isinstance(intent.order, Repay) else "TRANSFER"
    fitting = [row for row in rows if row.kind == kind and row.asset == intent.asset]
    mine = {intent.ref, None if own_row is None else own_row.ref} - {None}
    numbered = next((row for row in fitting if str(row.tran_id) in mine), None)
    if numbered is not None:
        return numbered
    foreign = {r.ref: r for r in records if (r.is_automatic or r.ref in claimed_refs) and r is not own_row}
    # A record that a row bears the number of stands for that row alone.
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
    """What else moved the order's asset in its scope after it was sent."""
    return tuple(
        row for row in rows if row is not own_row and row.asset == intent.asset and row.at >= sent + AFTER_SEND_MARGIN
    )


def sent_elsewhere(intent: Intent, intents: Iterable[Intent]) -> Decimal:
    """What other transfers of ours, sent after this one and proven, took out of the wallet that it comes from.

    No ledger tells of a wallet outside margin.
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
    """What is left of the fall of a debt without what others repaid and borrowed of it."""
    rows = tuple(other_rows)
    repaid = sum((row.amount for row in rows if row.kind in _REPAY_KINDS), ZERO)
    borrowed = sum((row.amount for row in rows if row.kind in _BORROW_KINDS), ZERO)
    return debt_decrease - repaid + borrowed


def others_explain_transfer(arrived: Decimal, left: Decimal, other_rows: Iterable[LedgerRow]) -> bool:
    """Whether what others moved may be all that arrived in the scope, and all that left the source.

    The ledger's amounts have no sign, so each row may have been either; the source is outside the ledger, and only
    transfers can have emptied it.
    """
    rows = tuple(other_rows)
    moved = sum((row.amount for row in rows), ZERO)
    transferred = sum((row.amount for row in rows if row.kind == "TRANSFER"), ZERO)
    return arrived <= moved and left <= transferred


def describe_rows(rows: Iterable[LedgerRow], records: Sequence[VenueRecord]) -> str:
    """Whose doing the rows were: `200 USDT repaid by the exchange itself (78)`."""
    return "; ".join(_describe_row(row, find_record(row, records)) for row in rows)


def _describe_row(row: LedgerRow, record: VenueRecord | None) -> str:
    what = {"REPAY": "repaid", "BORROW": "borrowed", "TRANSFER": "transferred"}.get(row.kind, row.kind)
    by = ""
    if row.kind == "REPAY" and record is not None:
        by = " by the exchange itself" if record.is_automatic else " by another hand"
    return f"{format_decimal(row.amount + ZERO)} {row.asset} {what}{by} ({row.tran_id})"
