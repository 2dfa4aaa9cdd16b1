"""Rows of the exchange's histories of money: the margin ledger, and transfers as margin saw them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import Scope
from monitor.core.model.order import ActionKind, VenueRecord

MovementKind = Literal["capital-flow", "transfer", "liquidation", "order"]
"""`order`: one on the market that another daemon of this program placed, by the name that it bears."""
MovementOrigin = Literal["ours", "another hand", "exchange", "another hand or exchange", "trade", "liquidation"]
"""Who moved it. `another hand`: a person, or another program. `exchange`: by itself, as in top-up,
and in auto-repay unless a sale of ours asked for it."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One thing that moved, as it is kept. `key` tells it apart from others of its kind and scope.

    `type` is the venue's own word, `intent` the one of ours that it belongs to, `detail` what else is known.
    """

    scope: Scope
    kind: MovementKind
    key: str
    at: datetime
    seen_at: datetime
    asset: str
    amount: Decimal
    type: str
    origin: MovementOrigin
    intent: int | None = None
    detail: Mapping[str, str | int | None] | None = None


@dataclass(frozen=True, slots=True)
class ForeignMovement:
    """One movement of a kind that actions make, by nobody that this record knows of.

    `is_certain`: somebody asked for it; otherwise the exchange may have moved it by itself, as in auto-repay. `key`
    tells it apart from others of the account, `seen_at` is when it was read.
    """

    kind: ActionKind
    scope: Scope
    asset: str
    amount: Decimal
    at: datetime
    is_certain: bool
    key: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ForeignActivity:
    """What may be another hand's doing of the last 24 hours, by key; `found` are those that are taken for it."""

    suspects: Mapping[str, ForeignMovement] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()


SAME_EVENT_TOLERANCE = timedelta(seconds=5)
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
    was_requested: bool | None = None


def find_record(row: LedgerRow, records: Iterable[VenueRecord]) -> VenueRecord | None:
    """The record of the same thing: by number, or by asset, exact amount and moment where the numbers differ."""
    fitting = [r for r in records if r.asset == row.asset]
    same = next((r for r in fitting if r.ref == str(row.tran_id)), None)
    if same is not None:
        return same
    return next((r for r in fitting if r.amount == row.amount and abs(r.at - row.at) <= SAME_EVENT_TOLERANCE), None)
