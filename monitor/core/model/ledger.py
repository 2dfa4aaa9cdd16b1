"""Rows of the exchange's money histories: margin ledger, transfers, attributed movements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import Scope
from monitor.core.model.order import ActionKind, ExchangeRecord

MovementKind = Literal["capital-flow", "transfer", "liquidation", "order"]
"""Kind of a movement. `order`: an order on the market that another daemon of this program placed, by its client id."""
MovementOrigin = Literal["ours", "another hand", "exchange", "another hand or exchange", "trade", "liquidation"]
"""Origin of a movement.

`another hand`: a person, or another program. `exchange`: the exchange itself, as in top-up, and in auto-repay unless an
own sale asked for it.
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement as it is recorded. `key` identifies it among others of its kind and scope.

    `type` is the exchange's own word, `intent` the own intent that it belongs to, `detail` has further known facts.
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
    """One movement of a kind that actions make, which no intent of this record explains.

    `is_certain`: somebody requested the movement; otherwise the exchange may have made it by itself, as in auto-repay.
    `key` identifies it among others of the account, `seen_at` is when it was read.
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
    """Possible foreign activity of the last 24 hours, by key.

    `confirmed` are the keys of those taken for it, `notified` of those ever taken for it: none is notified twice.
    `own` are the movements of own orders of that time: such an order explains no other movement.
    """

    suspects: Mapping[str, ForeignMovement] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()
    notified: frozenset[str] = frozenset()
    own: Mapping[str, "Movement"] = field(default_factory=dict)


SAME_EVENT_TOLERANCE = timedelta(seconds=5)
"""Maximum time between two rows of the same event in different histories."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the margin ledger (capital flow). `amount` has no sign: `kind` has the direction."""

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
    """One transfer as a margin scope shows it.

    `other` is the wallet at the other end in the exchange's words. `was_requested`: True if somebody requested the
    transfer, according to the history of requested transfers; None when that history can't show it.
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


def find_record(row: LedgerRow, records: Iterable[ExchangeRecord]) -> ExchangeRecord | None:
    """Return the record of the same event as `row`: by id, or by asset, exact amount and time when the ids differ."""
    fitting = [r for r in records if r.asset == row.asset]
    same = next((r for r in fitting if r.ref == str(row.tran_id)), None)
    if same is not None:
        return same
    return next((r for r in fitting if r.amount == row.amount and abs(r.at - row.at) <= SAME_EVENT_TOLERANCE), None)
