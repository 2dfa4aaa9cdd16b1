"""Transfers between wallets, the margin ledger, dust, and their histories."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.exchange.binance.api.endpoint_function import HistoryPaging, declaration_only, read, write
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.wire.acknowledgements import TransactionIdPayload
from monitor.exchange.binance.wire.field_types import SparseHistoryPage
from monitor.exchange.binance.wire.ledger import CapitalFlowRow
from monitor.exchange.binance.wire.transfers import (
    DustAssetsPayload,
    DustLogPayload,
    DustResultPayload,
    MarginTransferRow,
    UniversalTransferRow,
)

# The official client's 13.1.0 and 13.7.0 of the wallet give 300; older copies of the page 900. The header is believed.
TRANSFER_WEIGHT = 300


_TRANSFER = "/sapi/v1/asset/transfer"


@write("transfer_in", "POST", _TRANSFER, weight=TRANSFER_WEIGHT, fixed_params={"type": "MAIN_MARGIN"})
def transfer_spot_to_margin(*, asset: str, amount: Decimal) -> TransactionIdPayload:
    """From the spot wallet into cross margin."""
    declaration_only()


@write("transfer_out", "POST", _TRANSFER, weight=TRANSFER_WEIGHT, fixed_params={"type": "MARGIN_MAIN"})
def transfer_margin_to_spot(*, asset: str, amount: Decimal) -> TransactionIdPayload:
    """From cross margin to the spot wallet."""
    declaration_only()


@write(
    "transfer_in",
    "POST",
    _TRANSFER,
    weight=TRANSFER_WEIGHT,
    fixed_params={"type": "MAIN_ISOLATED_MARGIN"},
    names={"symbol": "toSymbol"},
)
def transfer_spot_to_isolated_margin(*, asset: str, symbol: str, amount: Decimal) -> TransactionIdPayload:
    """From the spot wallet into an isolated pair; by way of cross where the venue has no direct way any more."""
    declaration_only()


@write(
    "transfer_out",
    "POST",
    _TRANSFER,
    weight=TRANSFER_WEIGHT,
    fixed_params={"type": "ISOLATED_MARGIN_MAIN"},
    names={"symbol": "fromSymbol"},
)
def transfer_isolated_margin_to_spot(*, asset: str, symbol: str, amount: Decimal) -> TransactionIdPayload:
    """From an isolated pair to the spot wallet; by way of cross where the venue has no direct way any more."""
    declaration_only()


@write("transfer", "POST", _TRANSFER, weight=TRANSFER_WEIGHT)
def make_universal_transfer(
    *,
    type: str,
    asset: str,
    amount: Decimal,
    from_symbol: str | None = None,
    to_symbol: str | None = None,
) -> TransactionIdPayload:
    """Between any two wallets, by the venue's type: MAIN_MARGIN, MARGIN_ISOLATEDMARGIN, FUNDING_MARGIN …"""
    declaration_only()


@read(
    "GET",
    _TRANSFER,
    history=HistoryPaging("page", timedelta(days=7), ("tran_id",), "timestamp", retention=timedelta(days=180)),
)
def query_universal_transfer_history(
    *,
    type: str,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    current: int | None = None,
    size: int | None = None,
    from_symbol: str | None = None,
    to_symbol: str | None = None,
) -> SparseHistoryPage[UniversalTransferRow]:
    """Transfers of one type, newest first; six months."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/transfer",
    history=HistoryPaging("page", timedelta(days=30), ("tx_id",), "timestamp"),
)
def get_margin_transfer_history(
    *,
    asset: str | None = None,
    type: str | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    isolated_symbol: str | None = None,
    current: int | None = None,
    size: int | None = None,
) -> SparseHistoryPage[MarginTransferRow]:
    """Transfers into (ROLL_IN) and out of (ROLL_OUT) margin, made by hand or not, newest first."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/capital-flow",
    weight=100,
    history=HistoryPaging(
        "after",
        timedelta(days=7),
        ("id",),
        "timestamp",
        page_size=1000,
        retention=timedelta(days=90),
        cursor_param="fromId",
    ),
)
def get_margin_capital_flow(
    *,
    asset: str | None = None,
    symbol: str | None = None,
    type: str | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    from_id: int | None = None,
    limit: int | None = None,
) -> list[CapitalFlowRow]:
    """The margin ledger; isolated with its `symbol`. At most seven days; `fromId` itself is left out."""
    declaration_only()


@read(
    "POST",
    "/sapi/v1/asset/dust-btc",
    fixed_params={"accountType": "MARGIN"},
    aliases=("get_margin_dust_assets",),
    priority=Priority.LAST,
)
def get_margin_dribblet() -> DustAssetsPayload:
    """Rests of the margin account that could be converted. A POST that changes nothing."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/asset/dribblet",
    fixed_params={"accountType": "MARGIN"},
    aliases=("get_margin_dustlog",),
    priority=Priority.LAST,
)
def margin_dust_log(*, start_time: datetime | None = None, end_time: datetime | None = None) -> DustLogPayload:
    """The last hundred conversions of rests."""
    declaration_only()


@write("dust", "POST", "/sapi/v1/asset/dust", weight=10, fixed_params={"accountType": "MARGIN"})
def transfer_margin_dust(*, asset: Sequence[str]) -> DustResultPayload:
    """Converts rests of the margin account into BNB."""
    declaration_only()
