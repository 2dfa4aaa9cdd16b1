"""Public data: time, system status, symbols with filters, last prices, hourly bars."""

import msgspec

from monitor.sandbox.amounts import ZERO, format_decimal, format_plain
from monitor.sandbox.api.errors import SimApiError, unknown_symbol
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.market.bars import HOUR_MS
from monitor.sandbox.market.listings import ListedPair
from monitor.sandbox.scenario.price_path import SimPriceBar

ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
BAR_HOURS = {"1h": 1, "2h": 2, "4h": 4, "6h": 6, "8h": 8, "12h": 12, "1d": 24}
"""Hours of a bar by interval. The exchange knows shorter and longer ones, too."""
DEFAULT_BARS, MAX_BARS = 500, 1000
PREVENTION_MODES = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]


@endpoint("GET", "/api/v3/time", "NONE", 1)
def server_time(call: EndpointCall) -> object:
    """The exchange's clock."""
    return {"serverTime": call.now_ms}


@endpoint("GET", "/sapi/v1/system/status", "NONE", 1)
def system_status(call: EndpointCall) -> object:
    """0 normal, 1 maintenance."""
    down = call.venue.scenario.maintenance
    return {"status": int(down), "msg": "system_maintenance" if down else "normal"}


@endpoint("GET", "/api/v3/exchangeInfo", "NONE", 20)
def exchange_info(call: EndpointCall) -> object:
    """Rate limits, and every requested symbol with its filters."""
    limits = call.venue.scenario.limits
    return {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limits.api_ip_weight},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol_row(call, call.venue.listings.pairs[symbol]) for symbol in _requested_symbols(call)],
    }


def _ticker_weight(call: EndpointCall) -> Weight:
    return Weight(2 if "symbol" in call.params.values else 4)


@endpoint("GET", "/api/v3/ticker/price", "NONE", _ticker_weight)
def ticker_price(call: EndpointCall) -> object:
    """The last price of one symbol, of several, or of all."""
    rows = []
    for symbol in _requested_symbols(call):
        price = call.venue.prices.spot(symbol)
        if price is not None:
            rows.append({"symbol": symbol, "price": format_decimal(price)})
    if call.params.get("symbol") is not None:
        if not rows:
            raise unknown_symbol()
        return rows[0]
    return rows


@endpoint("GET", "/api/v3/klines", "NONE", 2)
def klines(call: EndpointCall) -> object:
    """Bars of one symbol, oldest first, of whole hours only; the newest where no time is given."""
    symbol = call.require_listed(call.params.required("symbol"))
    length = BAR_HOURS.get(call.params.required("interval"))
    if length is None:
        raise SimApiError(-1120, "Invalid interval.")
    limit = call.params.integer("limit")
    if limit is not None and limit < 1:
        raise SimApiError(-1130, "Data sent for parameter 'limit' is not valid.")
    most = MAX_BARS if limit is not None and limit > MAX_BARS else limit or DEFAULT_BARS
    start_ms, end_ms = call.params.integer("startTime"), call.params.integer("endTime")
    book, length_ms = call.venue.bars, length * HOUR_MS
    last = min(call.now_ms, call.now_ms if end_ms is None else end_ms) // length_ms
    first = max(book.first_hour(symbol) // length, 0 if start_ms is None else -(-start_ms // length_ms))
    numbers = range(first, last + 1) if start_ms is not None else range(last, first - 1, -1)
    rows: list[list[object]] = []
    for number in numbers:
        hours = [bar for hour in range(number * length, (number + 1) * length) if (bar := book.bar(symbol, hour))]
        hours = [bar for bar in hours if bar.start_ms <= call.now_ms]
        if hours:
            rows.append(_kline_row(hours, number * length_ms, length_ms))
        if len(rows) == most:
            break
    return rows if start_ms is not None else rows[::-1]


def _kline_row(hours: list[SimPriceBar], start_ms: int, length_ms: int) -> list[object]:
    volume = sum((bar.volume for bar in hours), ZERO)
    turnover = volume * hours[-1].close
    texts = [
        format_decimal(amount)
        for amount in (
            hours[0].open,
            max(bar.high for bar in hours),
            min(bar.low for bar in hours),
            hours[-1].close,
            volume,
        )
    ]
    half = [format_decimal(amount / 2) for amount in (volume, turnover)]
    return [start_ms, *texts, start_ms + length_ms - 1, format_decimal(turnover), int(volume), *half, "0"]


def _requested_symbols(call: EndpointCall) -> list[str]:
    one, several = call.params.get("symbol"), call.params.get("symbols")
    if one is not None and several is not None:
        raise SimApiError(-1128, "Combination of optional parameters invalid.")
    if one is not None:
        return [call.require_listed(one)]
    if several is None:
        return list(call.venue.listings.pairs)
    try:
        names = msgspec.json.decode(several, type=list[str])
    except msgspec.DecodeError as error:
        raise SimApiError(
            -1100, "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[A-Z0-9-_.]{1,20}\")*\\]$'."
        ) from error
    return [call.require_listed(name) for name in names]


def _symbol_row(call: EndpointCall, pair: ListedPair) -> dict[str, object]:
    return {
        "symbol": pair.symbol,
        "status": call.venue.symbol_status.get(pair.symbol, "TRADING"),
        "baseAsset": pair.base,
        "baseAssetPrecision": 8,
        "quoteAsset": pair.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": _filter_rows(pair),
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": PREVENTION_MODES,
    }


def _filter_rows(pair: ListedPair) -> list[dict[str, object]]:
    return [
        {"filterType": "PRICE_FILTER", "minPrice": format_decimal(pair.tick), "maxPrice": "10000000.00000000",
         "tickSize": format_decimal(pair.tick)},
        {"filterType": "LOT_SIZE", "minQty": format_decimal(pair.step), "maxQty": "9000000.00000000",
         "stepSize": format_decimal(pair.step)},
        {"filterType": "MARKET_LOT_SIZE", "minQty": format_decimal(ZERO), "maxQty": "9000000.00000000",
         "stepSize": format_decimal(ZERO)},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
         "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": format_plain(pair.min_notional), "applyMinToMarket": True,
         "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
    ]  # fmt: skip
