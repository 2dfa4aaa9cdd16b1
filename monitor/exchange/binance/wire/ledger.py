"""Rows of the margin ledger (capital flow)."""

from monitor.exchange.binance.wire.field_types import DecimalText, Payload, Timestamp


class CapitalFlowRow(Payload, frozen=True, kw_only=True):
    """One row of the margin ledger. The sign of `amount` is not documented: the direction is in `type`."""

    id: int
    tran_id: int
    timestamp: Timestamp
    asset: str
    type: str
    amount: DecimalText
    symbol: str | None = None
    note: str | None = None
