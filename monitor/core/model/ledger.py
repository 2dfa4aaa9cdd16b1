"""Rows of the exchange's histories of money: the margin ledger, and transfers as margin saw them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import Scope
from monitor.core.model.intent import Record

SAME_MOMENT = timedelta(seconds=5)
"""How far two rows of one thing may be dated apart."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the margin ledger (capital flow). `amount` has no sign: the direction is in `kind`."""

    scope: Scope
    id: int
    tran_id: int
    at: datetime
    asset: str
    kind: str
    amount: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True)
class MarginTransfer:
    """One transfer as a margin scope saw it.

    `other` is the wallet at the other end in the venue's words. `was_asked_for`: whether somebody asked for it, which
    the history of asked-for transfers tells; None where that can't be told.
    """

    scope: Scope
    tx_id: int
    at: datetime
    asset: str
    amount: Decimal
    is_incoming: bool
    other: str
    status: str
    was_asked_for: bool | None = None


def record_of(row: LedgerRow, records: Iterable[Record]) -> Record | None:
    """The record of the same thing: by number, or by asset, exact amount and moment where the numbers differ."""
    fitting = [r for r in records if r.asset == row.asset]
    same = next((r for r in fitting if r.ref == str(row.tran_id)), None)
    if same is not None:
        return same
    return next((r for r in fitting if r.amount == row.amount and abs(r.at - row.at) <= SAME_MOMENT), None)
