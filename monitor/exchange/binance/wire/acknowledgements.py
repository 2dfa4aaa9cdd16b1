"""Answers to writes: a transaction number, a success flag, or nothing."""

from monitor.exchange.binance.wire.field_types import Payload


class SuccessPayload(Payload, frozen=True):
    """Confirmation that a setting was accepted."""

    success: bool
    symbol: str | None = None


class TransactionIdPayload(Payload, frozen=True):
    """Number of a loan, repayment or transfer. The request was accepted; only the history shows that it is done."""

    tran_id: int


class EmptyPayload(Payload, frozen=True):
    """An answer without content: its body is empty."""
