"""Reference data: assets, pairs, index prices, tiers, ratios, rates, schedules."""

from datetime import datetime
from decimal import Decimal

from monitor.sandbox.amounts import format_decimal, format_plain, round_half_up
from monitor.sandbox.api.errors import SimApiError, invalid_parameter, not_a_margin_asset, not_a_margin_pair
from monitor.sandbox.api.weights import Weight
from monitor.sandbox.endpoints.history_paging import DAY_MS, time_window
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import SimMarginAccount
from monitor.sandbox.ledger.ledger import SimWallet
from monitor.sandbox.lending.loans import borrow_limit
from monitor.sandbox.market.listings import ListedPair, SimIsolatedTier

HOUR_MS = 3_600_000
INVENTORY_AMOUNT = Decimal(100_000_000)
MAX_RATE_ASSETS = 20


@endpoint("GET", "/sapi/v1/margin/allAssets", "KEYED", 1)
def all_assets(call: EndpointCall) -> object:
    """Every margin asset, or the requested one, as a list."""
    wanted = call.params.get("asset")
    return [
        {
            "assetFullName": asset,
            "assetName": asset,
            "isBorrowable": True,
            "isMortgageable": asset not in call.venue.scenario.no_transfer_in,
            "userMinBorrow": format_decimal(Decimal(0)),
            "userMinRepay": format_decimal(call.venue.listings.min_repay(asset)),
            **_delist_time(call, asset),
        }
        for asset in call.venue.listings.assets
        if wanted in (None, asset)
    ]


@endpoint("GET", "/sapi/v1/margin/allPairs", "KEYED", 1)
def all_pairs(call: EndpointCall) -> object:
    """Every cross pair, or the requested one, as a list."""
    return [
        {"base": row["base"], "id": pair.number, **row, **_delist_time(call, pair.base, pair.quote)}
        for pair, row in _pairs(call)
    ]


@endpoint("GET", "/sapi/v1/margin/isolated/allPairs", "EITHER", 10)
def all_isolated_pairs(call: EndpointCall) -> object:
    """Every isolated pair, or the requested one, as a list."""
    return [row for pair, row in _pairs(call) if pair.isolated]


@endpoint("GET", "/sapi/v1/margin/priceIndex", "KEYED", 10)
def price_index(call: EndpointCall) -> object:
    """The margin index price of one symbol."""
    symbol = call.require_listed(call.params.required("symbol"))
    price = call.venue.prices.index(symbol)
    if price is None or symbol in call.venue.scenario.no_index:
        raise SimApiError(-3042, "PriceIndex not available for this margin pair.")
    return {"calcTime": call.now_ms, "price": format_decimal(price), "symbol": symbol}


@endpoint("GET", "/sapi/v1/margin/isolatedMarginTier", "SIGNED", 1)
def isolated_tiers(call: EndpointCall) -> object:
    """The tiers of an isolated pair, or one of them."""
    symbol = call.params.required("symbol")
    if call.venue.listings.isolated_pair(symbol) is None:
        raise not_a_margin_pair()
    wanted = call.params.integer("tier")
    return [_tier_row(symbol, tier) for tier in call.venue.listings.tiers(symbol) if wanted in (None, tier.number)]


@endpoint("GET", "/sapi/v1/margin/crossMarginCollateralRatio", "KEYED", 100)
def collateral_ratios(call: EndpointCall) -> object:
    """Groups of assets that share collateral tiers."""
    groups: dict[object, list[str]] = {}
    for asset, tiers in call.venue.listings.collateral.items():
        groups.setdefault(tiers, []).append(asset)
    answer = []
    for tiers, assets in ((call.venue.listings.collateral[names[0]], names) for names in groups.values()):
        rows = []
        for number, tier in enumerate(tiers):
            row = {"minUsdValue": format_plain(tier.min_usd)}
            if number + 1 < len(tiers):
                row["maxUsdValue"] = format_plain(tiers[number + 1].min_usd)
            rows.append({**row, "discountRate": format_plain(tier.rate)})
        answer.append({"collaterals": rows, "assetNames": assets})
    return answer


def _fee_weight(call: EndpointCall) -> Weight:
    return Weight(1 if "coin" in call.params.values else 5)


@endpoint("GET", "/sapi/v1/margin/crossMarginData", "SIGNED", _fee_weight)
def cross_rates(call: EndpointCall) -> object:
    """Daily rates and borrow limits of cross, by coin."""
    wanted = call.params.get("coin")
    level = call.params.integer("vipLevel")
    probe = SimMarginAccount(call.account.name, SimWallet(call.account.name, "cross"))
    pairs = call.venue.listings.pairs.values()
    return [
        {
            "vipLevel": call.account.vip_level if level is None else level,
            "coin": asset,
            "transferIn": asset not in call.venue.scenario.no_transfer_in,
            "borrowable": True,
            "dailyInterest": format_decimal(rate),
            "yearlyInterest": format_decimal(rate * 365, 4),
            "borrowLimit": format_plain(borrow_limit(call.venue, probe, asset)),
            "marginablePairs": [pair.symbol for pair in pairs if asset in (pair.base, pair.quote)][:50],
        }
        for asset, rate in call.venue.listings.rates.items()
        if wanted in (None, asset)
    ]


def _isolated_fee_weight(call: EndpointCall) -> Weight:
    return Weight(1 if "symbol" in call.params.values else 10)


@endpoint("GET", "/sapi/v1/margin/isolatedMarginData", "SIGNED", _isolated_fee_weight)
def isolated_rates(call: EndpointCall) -> object:
    """Daily rates and borrow limits of isolated pairs."""
    wanted = call.params.get("symbol")
    level = call.params.integer("vipLevel")
    catalogue = call.venue.listings
    if wanted is not None and catalogue.isolated_pair(wanted) is None:
        raise not_a_margin_pair()
    rows = []
    for pair in catalogue.pairs.values():
        if not pair.isolated or wanted not in (None, pair.symbol):
            continue
        last = catalogue.tiers(pair.symbol)[-1]
        sides = ((pair.base, last.base_max), (pair.quote, last.quote_max))
        rows.append(
            {
                "vipLevel": call.account.vip_level if level is None else level,
                "symbol": pair.symbol,
                "leverage": str(pair.leverage),
                "data": [
                    {
                        "coin": coin,
                        "dailyInterest": format_decimal(catalogue.rates[coin]),
                        "borrowLimit": format_plain(limit),
                    }
                    for coin, limit in sides
                ],
            }
        )
    return rows


@endpoint("GET", "/sapi/v1/margin/next-hourly-interest-rate", "SIGNED", 100)
def next_hourly_rates(call: EndpointCall) -> object:
    """The rate of the coming hour, as a fraction per hour."""
    call.params.required("assets")
    call.params.required("isIsolated")
    call.params.flag("isIsolated")
    assets = call.params.names("assets") or []
    if len(assets) > MAX_RATE_ASSETS:
        raise invalid_parameter("assets")
    for asset in assets:
        if asset not in call.venue.listings.rates:
            raise not_a_margin_asset()
    hourly = call.venue.listings.hourly_rate
    return [
        {"asset": asset, "nextHourlyInterestRate": format_decimal(round_half_up(hourly(asset)))} for asset in assets
    ]


@endpoint("GET", "/sapi/v1/margin/interestRateHistory", "SIGNED", 1)
def rate_history(call: EndpointCall) -> object:
    """Daily rates, one row an hour, newest first."""
    asset = call.params.required("asset")
    rate = call.venue.listings.rates.get(asset)
    if rate is None:
        raise not_a_margin_asset()
    first, last = time_window(call, span_days=31)
    level = call.params.integer("vipLevel")
    newest = min(last, call.now_ms) // HOUR_MS * HOUR_MS
    return [
        {
            "asset": asset,
            "dailyInterestRate": format_decimal(call.venue.rate_at(asset, moment)),
            "timestamp": moment,
            "vipLevel": call.account.vip_level if level is None else level,
        }
        for moment in range(newest, max(first, newest - 31 * DAY_MS) - 1, -HOUR_MS)
    ]


@endpoint("GET", "/sapi/v1/margin/available-inventory", "SIGNED", 50, "UID")
def inventory(call: EndpointCall) -> object:
    """The inventory of each asset that is left to lend."""
    call.params.choice("type", "MARGIN", "ISOLATED")
    own = call.venue.scenario.inventory
    assets = {asset: format_plain(own.get(asset, INVENTORY_AMOUNT)) for asset in call.venue.listings.assets}
    return {"assets": assets, "updateTime": call.now_ms // 1000}


@endpoint("GET", "/sapi/v1/margin/delist-schedule", "KEYED", 100)
def delist_schedule(call: EndpointCall) -> object:
    """Assets and pairs to be delisted, with times."""
    return [_schedule_row("delistTime", row) for row in call.venue.scenario.delistings]


@endpoint("GET", "/sapi/v1/margin/list-schedule", "KEYED", 100)
def list_schedule(call: EndpointCall) -> object:
    """Assets and pairs to be listed, with times."""
    return [_schedule_row("listTime", row) for row in call.venue.scenario.listings]


@endpoint("GET", "/sapi/v1/margin/restricted-asset", "KEYED", 1)
def restricted_assets(call: EndpointCall) -> object:
    """Assets that can't be bought with borrowed funds, and those whose collateral cap is reached."""
    return {
        "openLongRestrictedAsset": list(call.venue.scenario.restricted_long),
        "maxCollateralExceededAsset": list(call.venue.scenario.collateral_full),
    }


@endpoint("GET", "/sapi/v1/spot/asset/tags", "KEYED", 100, repeats=("tag",))
def asset_tags(call: EndpointCall) -> object:
    """The tags of all tagged assets, or of the requested ones."""
    wanted = call.params.names("tag")
    return [
        {"assetCode": asset, "assetName": asset, "trading": True, "tags": list(tags)}
        for asset, tags in call.venue.scenario.tags.items()
        if wanted is None or set(wanted) & set(tags)
    ]


@endpoint("GET", "/sapi/v1/margin/limit-price-pairs", "KEYED", 1)
def limit_price_pairs(call: EndpointCall) -> object:
    """Pairs whose cross limit orders must stay near the index price."""
    return {"crossMarginSymbols": list(call.venue.scenario.limit_price_pairs)}


@endpoint("GET", "/sapi/v1/margin/risk-based-liquidation-ratio", "KEYED", 1)
def risk_based_ratios(_call: EndpointCall) -> object:
    """A sample row: the meaning of the figure is not documented."""
    return [{"asset": "USDC", "riskBasedLiquidationRatio": "0.01"}]


def _schedule_row(name: str, row: tuple[datetime, tuple[str, ...], tuple[str, ...]]) -> dict[str, object]:
    at, assets, symbols = row
    return {
        name: int(at.timestamp() * 1000),
        "crossMarginAssets": list(assets),
        "isolatedMarginSymbols": list(symbols),
    }


def _delist_time(call: EndpointCall, *assets: str) -> dict[str, int]:
    """The optional field of assets and pairs that leave cross margin."""
    times = [at for at, leaving, _ in call.venue.scenario.delistings if set(assets) & set(leaving)]
    unit = 1000 if call.venue.scenario.readings.delist_time_unit == "ms" else 1
    return {"delistTime": int(min(times).timestamp()) * unit} if times else {}


def _pairs(call: EndpointCall) -> list[tuple[ListedPair, dict[str, object]]]:
    wanted = call.params.get("symbol")
    return [
        (
            pair,
            {
                "base": pair.base,
                "isBuyAllowed": True,
                "isMarginTrade": True,
                "isSellAllowed": True,
                "quote": pair.quote,
                "symbol": pair.symbol,
            },
        )
        for pair in call.venue.listings.pairs.values()
        if wanted in (None, pair.symbol)
    ]


def _tier_row(symbol: str, tier: SimIsolatedTier) -> dict[str, object]:
    return {
        "symbol": symbol,
        "tier": tier.number,
        "effectiveMultiple": tier.multiple,
        "initialRiskRatio": format_plain(tier.initial_ratio),
        "liquidationRiskRatio": format_plain(tier.liquidation_ratio),
        "baseAssetMaxBorrowable": format_plain(tier.base_max),
        "quoteAssetMaxBorrowable": format_plain(tier.quote_max),
    }
