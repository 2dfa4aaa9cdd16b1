"""Rows of the margin ledger (capital flow)."""

from monitor.exchange.binance.wire.field_types import Amount, Moment, Typed


class CapitalFlow(Typed, frozen=True, kw_only=True):
    """One row of the margin ledger. The sign of `amount` is not documented: the direction is in `type`."""

    id: int
    tran_id: int
    timestamp: Moment
    asset: str
    type: str
    amount: Amount
    symbol: str | None = None
    note: str | None = None
