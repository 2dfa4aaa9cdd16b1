"""Loans: borrowings, repayments, interest, rates, liquidations, small debts."""

from decimal import Decimal
from typing import ClassVar

import msgspec

from monitor.exchange.binance.wire.field_types import (
    EMPTY_BODIES,
    DecimalText,
    Payload,
    Timestamp,
    UnsignedText,
    require_finite,
)
from monitor.exchange.binance.wire.numbers import ImplausibleValue


class LoanRecordRow(Payload, frozen=True, kw_only=True):
    """The record of one borrowing or repayment. `type` is its cause: MANUAL, AUTO, BNB_AUTO_REPAY …"""

    tx_id: int
    asset: str
    amount: UnsignedText
    status: str
    timestamp: Timestamp
    type: str = ""
    isolated_symbol: str | None = None


class LoanRow(LoanRecordRow, frozen=True, kw_only=True):
    """One borrowing or repayment, with its parts."""

    principal: DecimalText | None = None
    interest: DecimalText | None = None


class InterestRow(Payload, frozen=True, kw_only=True):
    """One interest charge. `interest_rate` is per day, `raw_asset` the debt's asset where BNB paid."""

    tx_id: int
    asset: str
    principal: UnsignedText
    interest: UnsignedText
    interest_rate: UnsignedText
    type: str
    charged_at: Timestamp = msgspec.field(name="interestAccuredTime")
    raw_asset: str | None = None
    isolated_symbol: str | None = None


class DailyRateRow(Payload, frozen=True, kw_only=True):
    """The daily rate of an asset from a moment on."""

    asset: str
    daily_interest_rate: UnsignedText
    timestamp: Timestamp
    vip_level: int = 0


class NextHourlyRateRow(Payload, frozen=True):
    """The rate of the next hour, as a fraction of the debt."""

    asset: str
    next_hourly_interest_rate: UnsignedText


class LiquidationFillRow(Payload, frozen=True, kw_only=True):
    """The execution of one order of a forced liquidation."""

    order_id: int
    symbol: str
    side: str
    avg_price: UnsignedText
    executed_qty: UnsignedText
    updated_time: Timestamp
    is_isolated: bool = False


class LiquidationOrderRow(LiquidationFillRow, frozen=True, kw_only=True):
    """One order of a forced liquidation."""

    qty: DecimalText | None = None
    price: DecimalText | None = None
    time_in_force: str = ""


class SmallLiabilityRow(Payload, frozen=True, kw_only=True):
    """A debt small enough to be exchanged. `liability_qty` comes as a number."""

    asset: str
    interest: DecimalText
    principal: DecimalText
    liability_asset: str
    liability_qty: Decimal

    def __post_init__(self) -> None:
        require_finite(self.liability_qty)


class SmallLiabilityExchangeRow(Payload, frozen=True, kw_only=True):
    """One small debt that was exchanged."""

    asset: str
    amount: DecimalText
    target_asset: str
    target_amount: DecimalText
    timestamp: Timestamp
    biz_type: str = ""


class LiquidationLoanPayload(Payload, frozen=True):
    """Debt that a bankrupt liquidation left, to be repaid from the spot wallet.

    The answer where nothing is owed is not documented: amounts of zero, an empty object, or an empty list. An answer
    with only some of the amounts is rejected.
    """

    EMPTY: ClassVar = EMPTY_BODIES

    asset: str | None = None
    amount: DecimalText | None = None
    repaid_amount: DecimalText | None = None
    remaining_amount: DecimalText | None = None

    def __post_init__(self) -> None:
        told = [self.amount, self.repaid_amount, self.remaining_amount]
        if any(amount is not None for amount in told) and None in told:
            raise ImplausibleValue("a liquidation loan lacks an amount")
        if self.remaining_amount and not self.asset:
            raise ImplausibleValue("a liquidation loan has no asset")


class LiquidationLoanRepaymentRow(Payload, frozen=True):
    """One repayment of the liquidation loan."""

    repay_id: int
    asset: str
    amount: DecimalText
    status: str
    create_time: Timestamp
