"""Histories: interest, loans and repayments, transfers, capital flow, forced liquidations."""

import msgspec


class TextInterestRow(msgspec.Struct, rename="camel", kw_only=True):
    """One interest charge. `interest_rate` is per day; the exchange spells the time with one r less."""

    tx_id: int
    charged_at: int = msgspec.field(name="interestAccuredTime")
    asset: str
    principal: str
    interest: str
    interest_rate: str
    type: str
    raw_asset: str | None = None
    isolated_symbol: str | None = None


class TextInterestPage(msgspec.Struct):
    """GET /sapi/v1/margin/interestHistory."""

    rows: list[TextInterestRow]
    total: int


class TextLoanRow(msgspec.Struct, rename="camel", kw_only=True):
    """One borrowing or repayment. `type` is its cause (MANUAL, AUTO …), not which of the two it is."""

    tx_id: int
    asset: str
    amount: str
    status: str
    timestamp: int
    type: str = ""
    isolated_symbol: str | None = None


class TextLoanPage(msgspec.Struct):
    """GET /sapi/v1/margin/borrow-repay."""

    rows: list[TextLoanRow]
    total: int


class TextTransferRow(msgspec.Struct, rename="camel", kw_only=True):
    """One universal transfer."""

    tran_id: int
    asset: str
    amount: str
    status: str
    timestamp: int
    type: str = ""


class TextTransferPage(msgspec.Struct):
    """GET /sapi/v1/asset/transfer. The form of an empty history is undocumented: `rows` may be missing."""

    rows: list[TextTransferRow] = []
    total: int = 0


class TextTransactionId(msgspec.Struct, rename="camel"):
    """Answer of borrow-repay and transfer."""

    tran_id: int


class TextLiquidationRow(msgspec.Struct, rename="camel", kw_only=True):
    """One order of a forced liquidation."""

    order_id: int
    symbol: str
    side: str
    avg_price: str
    executed_qty: str
    qty: str
    updated_time: int
    is_isolated: bool = False


class TextLiquidationPage(msgspec.Struct):
    """GET /sapi/v1/margin/forceLiquidationRec."""

    rows: list[TextLiquidationRow]
    total: int
