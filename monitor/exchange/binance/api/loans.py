"""Loans: borrowing, repaying, interest, liquidations."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.exchange.binance.api.endpoint_function import HistoryPaging, declaration_only, read, write
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.wire.acknowledgements import EmptyPayload, TransactionIdPayload
from monitor.exchange.binance.wire.field_types import HistoryPage, SparseHistoryPage
from monitor.exchange.binance.wire.loans import (
    DailyRateRow,
    InterestRow,
    LiquidationLoanPayload,
    LiquidationLoanRepaymentRow,
    LiquidationOrderRow,
    LoanRow,
    NextHourlyRateRow,
    SmallLiabilityExchangeRow,
    SmallLiabilityRow,
)
from monitor.exchange.binance.wire.market_data import InventoryPayload
from monitor.exchange.binance.wire.row_decoding import WHOLE_ANSWER

INTEREST_RETENTION = timedelta(days=90)
"""The time for which the exchange keeps interest charges."""

_LIMIT = {"limit": "size"}
_ISOLATED = {"symbol": ("isIsolated", "TRUE")}
_BORROW_REPAY = "/sapi/v1/margin/borrow-repay"
# Without an asset the exchange gives seven days, with one thirty: the shorter holds for both.
_LOANS = HistoryPaging("page", timedelta(days=7), ("tx_id",), "timestamp")


@write("borrow", "POST", _BORROW_REPAY, weight=1500, fixed_params={"type": "BORROW"}, implied_params=_ISOLATED)
def create_margin_loan(
    *, asset: str, amount: Decimal, is_isolated: bool = False, symbol: str | None = None
) -> TransactionIdPayload:
    """Borrows; in the isolated pair `symbol` where one is given."""
    declaration_only()


@write("repay", "POST", _BORROW_REPAY, weight=1500, fixed_params={"type": "REPAY"}, implied_params=_ISOLATED)
def repay_margin_loan(
    *, asset: str, amount: Decimal, is_isolated: bool = False, symbol: str | None = None
) -> TransactionIdPayload:
    """Repays, interest first, from what is free in the same margin account."""
    declaration_only()


@read("GET", _BORROW_REPAY, weight=10, fixed_params={"type": "BORROW"}, former_names=_LIMIT, history=_LOANS)
def get_margin_loan_details(
    *,
    asset: str | None = None,
    isolated_symbol: str | None = None,
    tx_id: int | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    current: int | None = None,
    size: int | None = None,
) -> HistoryPage[LoanRow]:
    """What was borrowed, newest first; `limit` of old means `size`. A row's type is AUTO or MANUAL."""
    declaration_only()


@read("GET", _BORROW_REPAY, weight=10, fixed_params={"type": "REPAY"}, former_names=_LIMIT, history=_LOANS)
def get_margin_repay_details(
    *,
    asset: str | None = None,
    isolated_symbol: str | None = None,
    tx_id: int | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    current: int | None = None,
    size: int | None = None,
) -> HistoryPage[LoanRow]:
    """What was repaid, newest first; `limit` of old means `size`. A row's type is AUTO, MANUAL …"""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/interestHistory",
    former_names=_LIMIT,
    aliases=("margin_interest_history",),
    history=HistoryPaging(
        "page",
        timedelta(days=30),
        ("tx_id", "charged_at", "asset", "type"),
        "charged_at",
        retention=INTEREST_RETENTION,
    ),
    priority=Priority.LAST,
)
def get_margin_interest_history(
    *,
    asset: str | None = None,
    isolated_symbol: str | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    current: int | None = None,
    size: int | None = None,
) -> HistoryPage[InterestRow]:
    """Interest charged, newest first; cross alone where no pair is named. `limit` of old means `size`."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/interestRateHistory",
    aliases=("margin_interest_rate_history",),
    history=HistoryPaging("none", timedelta(days=28), ("asset", "timestamp"), "timestamp"),
    priority=Priority.LAST,
)
def get_margin_interest_rate_history(
    *,
    asset: str,
    vip_level: int | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
) -> list[DailyRateRow]:
    """The daily rates of an asset, newest first; no pages, at most a month."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/next-hourly-interest-rate",
    weight=100,
    aliases=("margin_next_hourly_interest_rate",),
    priority=Priority.LAST,
    rows=WHOLE_ANSWER,
)
def get_margin_next_hourly_interest_rate(*, assets: Sequence[str], is_isolated: bool) -> list[NextHourlyRateRow]:
    """The rates of the next hour, of at most twenty assets."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/available-inventory",
    weight=50,
    counted="uid",
    aliases=("margin_available_inventory",),
    priority=Priority.LAST,
)
def get_margin_available_inventory(*, type: str) -> InventoryPayload:
    """What there is to borrow: `type` MARGIN or ISOLATED."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/forceLiquidationRec",
    former_names=_LIMIT,
    aliases=("get_margin_force_liquidation_rec",),
    history=HistoryPaging("page", timedelta(days=30), ("symbol", "order_id"), "updated_time"),
)
def get_margin_force_liquidation_record(
    *,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    isolated_symbol: str | None = None,
    current: int | None = None,
    size: int | None = None,
) -> HistoryPage[LiquidationOrderRow]:
    """Orders by which the venue liquidated, newest first; look at `isIsolated`. `limit` of old means `size`."""
    declaration_only()


@read("GET", "/sapi/v1/margin/exchange-small-liability", weight=100, priority=Priority.LAST)
def get_margin_small_liabilities() -> list[SmallLiabilityRow]:
    """The cross account's debts small enough to be exchanged."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/exchange-small-liability-history",
    weight=100,
    counted="uid",
    history=HistoryPaging("page", timedelta(days=30), ("asset", "timestamp", "amount"), "timestamp"),
)
def get_margin_small_liability_history(
    *,
    current: int,
    size: int,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
) -> SparseHistoryPage[SmallLiabilityExchangeRow]:
    """Small debts that were exchanged, newest first."""
    declaration_only()


@write("small_debts", "POST", "/sapi/v1/margin/exchange-small-liability", weight=3000)
def exchange_margin_small_liabilities(*, asset_names: Sequence[str]) -> EmptyPayload:
    """Exchanges small debts of at most ten assets; once in six hours. The answer is empty."""
    declaration_only()


@read("GET", "/sapi/v1/margin/liquidation-loan", weight=100, counted="uid")
def get_margin_liquidation_loan() -> LiquidationLoanPayload:
    """What a bankrupt liquidation left owing; repaid from the spot wallet."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/liquidation-loan/repay-history",
    weight=100,
    counted="uid",
    history=HistoryPaging("page", timedelta(days=90), ("repay_id",), "create_time"),
)
def get_margin_liquidation_loan_repayments(
    *,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    current: int | None = None,
    size: int | None = None,
) -> SparseHistoryPage[LiquidationLoanRepaymentRow]:
    """Repayments of that loan that were done or are pending."""
    declaration_only()


@write("liquidation_loan", "POST", "/sapi/v1/margin/liquidation-loan/repay", weight=100)
def repay_margin_liquidation_loan(*, asset: str, amount: Decimal) -> LiquidationLoanRepaymentRow:
    """Repays the liquidation loan from the spot wallet."""
    declaration_only()
