"""Answers to writes: a transaction number, a success flag, or nothing."""

from monitor.exchange.binance.wire.field_types import Payload


class SuccessPayload(Payload, frozen=True):
    """That a setting was taken."""

    success: bool
    symbol: str | None = None


class TransactionIdPayload(Payload, frozen=True):
    """The number of a loan, repayment or transfer. The request was taken; that it is done, the history shows."""

    tran_id: int


class EmptyPayload(Payload, frozen=True):
    """An answer without content: its body is empty."""
