"""Market and reference data: assets, pairs, prices, ratios, schedules; on /sapi the key is needed."""

from collections.abc import Sequence
from datetime import datetime

from monitor.exchange.binance.api.endpoint import SecurityType
from monitor.exchange.binance.api.endpoint_function import declaration_only, read
from monitor.exchange.binance.api.transport import SERVER_TIME
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.market_data import (
    AssetTagsRow,
    CollateralRatioRow,
    DelistScheduleRow,
    ExchangeInfoPayload,
    KlineRow,
    LastPriceRow,
    LimitPricePairsPayload,
    LiquidationRatioRow,
    ListScheduleRow,
    MarginAssetRow,
    MarginPairRow,
    PriceIndexPayload,
    RestrictedAssetsPayload,
    ServerTimePayload,
    SystemStatusPayload,
)
from monitor.exchange.binance.wire.row_decoding import WHOLE_ANSWER

TERMS_SHARED_S = 60.0
"""Exchange seconds for which an answer about terms serves other accounts: terms are read every few hours."""

RULES_SHARED_S = 1.0
"""The same for what is read as soon as there is a sign of a change."""

_LAST = Priority.LAST
_ASSETS = "/sapi/v1/margin/allAssets"
_PAIRS = "/sapi/v1/margin/allPairs"
_ISOLATED_PAIRS = "/sapi/v1/margin/isolated/allPairs"


def _ticker_weight(params: Parameters) -> int:
    return 2 if params.get("symbol") else 4


@read("GET", _ASSETS, security=SecurityType.KEY, priority=_LAST)
def get_margin_asset(*, asset: str) -> list[MarginAssetRow]:
    """One margin asset; the answer is a list all the same."""
    declaration_only()


@read("GET", _ASSETS, security=SecurityType.KEY, priority=_LAST, rows=WHOLE_ANSWER, shared_s=TERMS_SHARED_S)
def get_margin_all_assets(*, asset: str | None = None) -> list[MarginAssetRow]:
    """Every margin asset."""
    declaration_only()


@read("GET", _PAIRS, security=SecurityType.KEY, priority=_LAST)
def get_margin_symbol(*, symbol: str) -> list[MarginPairRow]:
    """One cross margin pair; the answer is a list all the same."""
    declaration_only()


@read("GET", _PAIRS, security=SecurityType.KEY, priority=_LAST, rows=WHOLE_ANSWER, shared_s=RULES_SHARED_S)
def get_margin_all_pairs(*, symbol: str | None = None) -> list[MarginPairRow]:
    """Every cross margin pair."""
    declaration_only()


@read("GET", _ISOLATED_PAIRS, weight=10, security=SecurityType.KEY, priority=_LAST)
def get_isolated_margin_symbol(*, symbol: str) -> list[MarginPairRow]:
    """One isolated pair; the answer is a list all the same."""
    declaration_only()


@read(
    "GET",
    _ISOLATED_PAIRS,
    weight=10,
    security=SecurityType.KEY,
    aliases=("get_all_isolated_margin_symbols",),
    priority=_LAST,
)
def get_isolated_margin_all_symbols(*, symbol: str | None = None) -> list[MarginPairRow]:
    """Every isolated pair."""
    declaration_only()


@read("GET", "/sapi/v1/margin/priceIndex", weight=10, security=SecurityType.KEY, shared_s=0)
def get_margin_price_index(*, symbol: str) -> PriceIndexPayload:
    """The index price of one pair."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/crossMarginCollateralRatio",
    weight=100,
    security=SecurityType.KEY,
    priority=_LAST,
    rows=WHOLE_ANSWER,
    shared_s=TERMS_SHARED_S,
)
def get_cross_margin_collateral_ratio() -> list[CollateralRatioRow]:
    """The share of its value that each asset counts for, by groups of assets."""
    declaration_only()


@read("GET", "/sapi/v1/margin/restricted-asset", security=SecurityType.KEY, priority=_LAST, shared_s=TERMS_SHARED_S)
def get_margin_restricted_assets() -> RestrictedAssetsPayload:
    """Assets that can't be bought on credit, or not be brought in as collateral."""
    declaration_only()


@read("GET", "/sapi/v1/margin/limit-price-pairs", security=SecurityType.KEY, priority=_LAST)
def get_margin_limit_price_pairs() -> LimitPricePairsPayload:
    """Pairs whose limit orders must stay within 15 % of the index."""
    declaration_only()


@read("GET", "/sapi/v1/margin/risk-based-liquidation-ratio", security=SecurityType.KEY, priority=_LAST)
def get_margin_risk_based_liquidation_ratio() -> list[LiquidationRatioRow]:
    """Risk-based liquidation ratios; what they enter into is not documented."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/margin/delist-schedule",
    weight=100,
    security=SecurityType.KEY,
    priority=_LAST,
    rows=WHOLE_ANSWER,
    shared_s=TERMS_SHARED_S,
)
def get_margin_delist_schedule() -> list[DelistScheduleRow]:
    """What leaves margin trading and when: positions are closed then."""
    declaration_only()


@read("GET", "/sapi/v1/margin/list-schedule", weight=100, security=SecurityType.KEY, priority=_LAST)
def get_margin_list_schedule() -> list[ListScheduleRow]:
    """What comes to margin trading and when."""
    declaration_only()


@read(
    "GET",
    "/sapi/v1/spot/asset/tags",
    weight=100,
    security=SecurityType.KEY,
    priority=_LAST,
    rows=WHOLE_ANSWER,
    shared_s=TERMS_SHARED_S,
)
def get_spot_asset_tags(*, tag: Sequence[str] | None = None) -> list[AssetTagsRow]:
    """The tags of assets, all or those with one of `tag`: *Monitoring* comes weeks before a delisting."""
    declaration_only()


@read("GET", "/sapi/v1/system/status", security=SecurityType.NONE, priority=_LAST)
def get_system_status() -> SystemStatusPayload:
    """Whether the venue is in maintenance."""
    declaration_only()


@read(SERVER_TIME.method, SERVER_TIME.path, security=SERVER_TIME.security, priority=SERVER_TIME.priority)
def get_server_time() -> ServerTimePayload:
    """The venue's time."""
    declaration_only()


@read(
    "GET",
    "/api/v3/exchangeInfo",
    weight=20,
    security=SecurityType.NONE,
    priority=_LAST,
    rows="symbols",
    shared_s=RULES_SHARED_S,
)
def get_exchange_info(*, symbol: str | None = None, symbols: str | None = None) -> ExchangeInfoPayload:
    """Symbols with their filters; `symbols` is a JSON list. One unknown symbol spoils the call."""
    declaration_only()


@read(
    "GET",
    "/api/v3/klines",
    weight=2,
    security=SecurityType.NONE,
    priority=Priority.SPARE,
    rows=WHOLE_ANSWER,
)
def get_klines(
    *,
    symbol: str,
    interval: str,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    time_zone: str | None = None,
    limit: int | None = None,
) -> list[KlineRow]:
    """Bars of one symbol, oldest first, 500 or up to 1000; without times the newest, the last of them unfinished."""
    declaration_only()


@read("GET", "/api/v3/ticker/price", weight=4, weight_of=_ticker_weight, security=SecurityType.NONE)
def get_ticker_price(*, symbol: str) -> LastPriceRow:
    """The last price of one symbol."""
    declaration_only()


@read("GET", "/api/v3/ticker/price", weight=4, security=SecurityType.NONE, rows=WHOLE_ANSWER)
def get_all_tickers(*, symbols: str | None = None) -> list[LastPriceRow]:
    """The last prices of all symbols, or of a JSON list of them."""
    declaration_only()
