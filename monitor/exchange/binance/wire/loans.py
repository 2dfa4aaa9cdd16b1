"""Histories: loans, interest, rates, transfers, the ledger, liquidations, dust and small debts."""

from decimal import Decimal
from typing import ClassVar

import msgspec

from monitor.exchange.binance.wire.field_types import EMPTY_ANSWERS, Amount, Moment, Typed, finite
from monitor.exchange.binance.wire.numbers import Implausible


class Loan(Typed, frozen=True, kw_only=True):
    """One borrowing or repayment. `type` is how it came about: MANUAL, AUTO, BNB_AUTO_REPAY …"""

    tx_id: int
    asset: str
    amount: Amount
    status: str
    timestamp: Moment
    principal: Amount | None = None
    interest: Amount | None = None
    type: str = ""
    isolated_symbol: str | None = None


class Interest(Typed, frozen=True, kw_only=True):
    """One interest charge. `interest_rate` is per day, `raw_asset` the debt's asset where BNB paid."""

    tx_id: int
    asset: str
    principal: Amount
    interest: Amount
    interest_rate: Amount
    type: str
    charged_at: Moment = msgspec.field(name="interestAccuredTime")
    raw_asset: str | None = None
    isolated_symbol: str | None = None


class InterestRate(Typed, frozen=True, kw_only=True):
    """The daily rate of an asset from a moment on."""

    asset: str
    daily_interest_rate: Amount
    timestamp: Moment
    vip_level: int = 0


class HourlyRate(Typed, frozen=True):
    """The rate of the next hour, as a fraction of the debt."""

    asset: str
    next_hourly_interest_rate: Amount


class ForcedOrder(Typed, frozen=True, kw_only=True):
    """One order of a forced liquidation."""

    order_id: int
    symbol: str
    side: str
    avg_price: Amount
    executed_qty: Amount
    qty: Amount
    price: Amount
    updated_time: Moment
    is_isolated: bool = False
    time_in_force: str = ""


class SmallLiability(Typed, frozen=True, kw_only=True):
    """A debt small enough to be exchanged. `liability_qty` comes as a number."""

    asset: str
    interest: Amount
    principal: Amount
    liability_asset: str
    liability_qty: Decimal

    def __post_init__(self) -> None:
        finite(self.liability_qty)


class SmallLiabilityExchange(Typed, frozen=True, kw_only=True):
    """One small debt that was exchanged."""

    asset: str
    amount: Amount
    target_asset: str
    target_amount: Amount
    timestamp: Moment
    biz_type: str = ""


class LiquidationLoan(Typed, frozen=True):
    """What a bankrupt liquidation left to be repaid from the spot wallet.

    What is answered where nothing is owed is not documented: amounts of zero, an empty object, or an empty list. An
    answer that tells a part only is not believed.
    """

    EMPTY: ClassVar = EMPTY_ANSWERS

    asset: str | None = None
    amount: Amount | None = None
    repaid_amount: Amount | None = None
    remaining_amount: Amount | None = None

    def __post_init__(self) -> None:
        told = [self.amount, self.repaid_amount, self.remaining_amount]
        if any(amount is not None for amount in told) and None in told:
            raise Implausible("a liquidation loan lacks an amount")
        if self.remaining_amount and not self.asset:
            raise Implausible("a liquidation loan has no asset")


class LiquidationLoanRepayment(Typed, frozen=True):
    """One repayment of that loan."""

    repay_id: int
    asset: str
    amount: Amount
    status: str
    create_time: Moment
