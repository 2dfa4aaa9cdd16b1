"""Moving assets between wallets, the rests that can't be traded, and the histories of both."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.exchange.binance.api.function import History, change, read, the_venue_answers
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.wire.acknowledgements import TransactionId
from monitor.exchange.binance.wire.field_types import Rows
from monitor.exchange.binance.wire.ledger import CapitalFlow
from monitor.exchange.binance.wire.transfers import Dust, DustLog, DustResult, MarginTransfer, UniversalTransfer

# The official client's 13.1.0 and 13.7.0 of the wallet give 300; older copies of the page 900. The header is believed.
WEIGHT = 300


_TRANSFER = "/sapi/v1/asset/transfer"


@change("transfer_in", "POST", _TRANSFER, weight=WEIGHT, fixed={"type": "MAIN_MARGIN"})
def transfer_spot_to_margin(*, asset: str, amount: Decimal) -> TransactionId:
    """From the spot wallet into cross margin."""
    the_venue_answers()


@change("transfer_out", "POST", _TRANSFER, weight=WEIGHT, fixed={"type": "MARGIN_MAIN"})
def transfer_margin_to_spot(*, asset: str, amount: Decimal) -> TransactionId:
    """From cross margin to the spot wallet."""
    the_venue_answers()


@change(
    "transfer_in",
    "POST",
    _TRANSFER,
    weight=WEIGHT,
    fixed={"type": "MAIN_ISOLATED_MARGIN"},
    names={"symbol": "toSymbol"},
)
def transfer_spot_to_isolated_margin(*, asset: str, symbol: str, amount: Decimal) -> TransactionId:
    """From the spot wallet into an isolated pair; by way of cross where the venue has no direct way any more."""
    the_venue_answers()


@change(
    "transfer_out",
    "POST",
    _TRANSFER,
    weight=WEIGHT,
    fixed={"type": "ISOLATED_MARGIN_MAIN"},
    names={"symbol": "fromSymbol"},
)
def transfer_isolated_margin_to_spot(*, asset: str, symbol: str, amount: Decimal) -> TransactionId:
    """From an isolated pair to the spot wallet; by way of cross where the venue has no direct way any more."""
    the_venue_answers()


@change("transfer", "POST", _TRANSFER, weight=WEIGHT)
def make_universal_transfer(
    *,
    type: str,
    asset: str,
    amount: Decimal,
    from_symbol: str | None = None,
    to_symbol: str | None = None,
) -> TransactionId:
    """Between any two wallets, by the venue's type: MAIN_MARGIN, MARGIN_ISOLATEDMARGIN, FUNDING_MARGIN …"""
    the_venue_answers()


@read(
    "GET",
    _TRANSFER,
    history=History("page", timedelta(days=7), ("tran_id",), "timestamp", depth=timedelta(days=180)),
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
) -> Rows[UniversalTransfer]:
    """Transfers of one type, newest first; six months."""
    the_venue_answers()


@read(
    "GET",
    "/sapi/v1/margin/transfer",
    history=History("page", timedelta(days=30), ("tx_id",), "timestamp"),
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
) -> Rows[MarginTransfer]:
    """Transfers into (ROLL_IN) and out of (ROLL_OUT) margin, made by hand or not, newest first."""
    the_venue_answers()


@read(
    "GET",
    "/sapi/v1/margin/capital-flow",
    weight=100,
    history=History("after", timedelta(days=7), ("id",), "timestamp", size=1000, depth=timedelta(days=90), by="fromId"),
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
) -> list[CapitalFlow]:
    """The margin ledger; isolated with its `symbol`. At most seven days; `fromId` itself is left out."""
    the_venue_answers()


@read(
    "POST",
    "/sapi/v1/asset/dust-btc",
    fixed={"accountType": "MARGIN"},
    aliases=("get_margin_dust_assets",),
    priority=Priority.LAST,
)
def get_margin_dribblet() -> Dust:
    """Rests of the margin account that could be converted. A POST that changes nothing."""
    the_venue_answers()


@read(
    "GET",
    "/sapi/v1/asset/dribblet",
    fixed={"accountType": "MARGIN"},
    aliases=("get_margin_dustlog",),
    priority=Priority.LAST,
)
def margin_dust_log(*, start_time: datetime | None = None, end_time: datetime | None = None) -> DustLog:
    """The last hundred conversions of rests."""
    the_venue_answers()


@change("dust", "POST", "/sapi/v1/asset/dust", weight=10, fixed={"accountType": "MARGIN"})
def transfer_margin_dust(*, asset: Sequence[str]) -> DustResult:
    """Converts rests of the margin account into BNB."""
    the_venue_answers()
