"""Margin accounts, thresholds, key permissions and settings."""

from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO, format_decimal, format_plain, round_half_up
from monitor.sandbox.api.errors import SimApiError, invalid_parameter, missing_parameter, not_a_margin_pair
from monitor.sandbox.endpoints.history_paging import DAY_MS
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.accounts import SimMarginAccount
from monitor.sandbox.ledger.ledger import SimBalance, SimWallet
from monitor.sandbox.ledger.valuation import MarginValuation
from monitor.sandbox.scenario.scenario import CROSS_3X, CROSS_5X

NO_DEBT_CROSS = "999.00000000"
NO_DEBT_ISOLATED = "999"
MAX_ISOLATED_SYMBOLS = 5


@endpoint("GET", "/sapi/v1/margin/account", "SIGNED", 10)
def cross_account(call: EndpointCall) -> object:
    """The cross account with a row for every margin asset, zeros included."""
    margin, venue = call.cross(), call.venue
    standing = venue.valuer.value_account(call.account, margin)
    rows = dict(venue.blank_rows)
    if venue.scenario.readings.unused_usdt_row == "absent":
        rows.pop("USDT", None)
    for asset, balance in margin.wallet.balances.items():
        if balance.held or balance.owed:
            rows[asset] = _balance_row(call, asset, balance)
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": NO_DEBT_CROSS if standing.level is None else format_decimal(round_half_up(standing.level)),
        "collateralMarginLevel": (
            NO_DEBT_CROSS
            if standing.collateral_level is None
            else format_decimal(round_half_up(standing.collateral_level))
        ),
        "totalAssetOfBtc": _btc_value(call, standing.assets),
        "totalLiabilityOfBtc": _btc_value(call, standing.liabilities),
        "totalNetAssetOfBtc": _btc_value(call, standing.equity),
        venue.scenario.readings.collateral_key: format_decimal(round_half_up(standing.collateral)),
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "userAssets": list(rows.values()),
    }


@endpoint("GET", "/sapi/v1/margin/isolated/account", "SIGNED", 10)
def isolated_account(call: EndpointCall) -> object:
    """Isolated pairs: all of the account with totals, or the named ones, without."""
    symbols = call.params.names("symbols")
    if symbols is not None:
        if len(symbols) > MAX_ISOLATED_SYMBOLS:
            raise invalid_parameter("symbols")
        return {"assets": [_pair_row(call, symbol) for symbol in symbols]}
    account = call.account
    standings = [
        call.venue.valuer.value_account(account, margin) for margin in account.isolated.values() if margin.created
    ]
    return {
        "assets": [_pair_row(call, symbol) for symbol in account.isolated],
        "totalAssetOfBtc": _btc_value(call, sum((standing.assets for standing in standings), ZERO)),
        "totalLiabilityOfBtc": _btc_value(call, sum((standing.liabilities for standing in standings), ZERO)),
        "totalNetAssetOfBtc": _btc_value(call, sum((standing.equity for standing in standings), ZERO)),
    }


@endpoint("POST", "/sapi/v1/margin/isolated/account", "SIGNED", 300, "UID", right="trading")
def enable_isolated(call: EndpointCall) -> object:
    """Re-activate a pair that was disabled; one never created is refused."""
    margin = call.isolated(call.params.required("symbol"))
    margin.enabled = True
    return {"success": True, "symbol": margin.symbol}


@endpoint("DELETE", "/sapi/v1/margin/isolated/account", "SIGNED", 300, "UID", right="trading")
def disable_isolated(call: EndpointCall) -> object:
    """Disable a pair that holds and owes nothing, once in 24 hours."""
    margin = call.isolated(call.params.required("symbol"))
    if any(balance.held or balance.owed for balance in margin.wallet.balances.values()):
        raise SimApiError(-3004, "Trade not allowed.")
    if margin.disabled_at_ms is not None and call.now_ms - margin.disabled_at_ms < DAY_MS:
        raise SimApiError(-3026, "Your input param is invalid.")
    margin.enabled, margin.disabled_at_ms = False, call.now_ms
    return {"success": True, "symbol": margin.symbol}


@endpoint("GET", "/sapi/v1/margin/isolated/accountLimit", "SIGNED", 1)
def isolated_limit(call: EndpointCall) -> object:
    """The number of enabled pairs, and its limit."""
    return {"enabledAccount": sum(margin.enabled for margin in call.account.isolated.values()), "maxAccount": 20}


@endpoint("GET", "/sapi/v1/margin/tradeCoeff", "SIGNED", 10)
def trade_coefficients(call: EndpointCall) -> object:
    """The thresholds of the cross account."""
    call.cross()
    bars = call.account.thresholds
    return {
        "normalBar": format_plain(bars.initial),
        "marginCallBar": format_plain(bars.margin_call),
        "forceLiquidationBar": format_plain(bars.liquidation),
    }


@endpoint("POST", "/sapi/v1/margin/max-leverage", "SIGNED", 3000, "UID", right="margin", max_calls_per_minute=1)
def max_leverage(call: EndpointCall) -> object:
    """Set the cross account to 3x or 5x, if its level allows."""
    margin = call.cross()
    bars = CROSS_3X if call.params.choice("maxLeverage", "3", "5") == "3" else CROSS_5X
    level = call.venue.valuer.level(margin)
    if level is not None and level <= bars.initial:
        raise SimApiError(-3023, "You can't transfer out/place order under current margin level.")
    call.account.thresholds = bars
    call.venue.dirty = True
    return {"success": True}


@endpoint("GET", "/sapi/v1/account/apiRestrictions", "SIGNED", 1)
def key_permissions(call: EndpointCall) -> object:
    """The permissions of the key."""
    if call.key is None:
        raise missing_parameter("X-MBX-APIKEY")
    allowed = call.key.permissions
    answer: dict[str, object] = {
        "ipRestrict": allowed.ip_restrict,
        "createTime": int(call.venue.scenario.start.timestamp() * 1000) - 90 * 24 * 3600 * 1000,
        "enableReading": allowed.reading,
        "enableWithdrawals": allowed.withdraw,
        "enableInternalTransfer": allowed.internal_transfer,
        "enableMargin": allowed.margin,
        "enableFutures": allowed.futures,
        "permitsUniversalTransfer": allowed.transfer,
        "enableVanillaOptions": allowed.options,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": allowed.trading,
        "enablePortfolioMarginTrading": allowed.portfolio_margin,
    }
    if allowed.expires is not None:
        answer["tradingAuthorityExpirationTime"] = int(allowed.expires.timestamp() * 1000)
    return answer


@endpoint("GET", "/sapi/v1/account/info", "SIGNED", 1)
def account_info(call: EndpointCall) -> object:
    """VIP level and open products."""
    return {
        "vipLevel": call.account.vip_level,
        "isMarginEnabled": call.account.cross.created,
        "isFutureEnabled": False,
        "isOptionsEnabled": False,
        "isPortfolioMarginRetailEnabled": False,
    }


@endpoint("GET", "/sapi/v1/account/apiTradingStatus", "SIGNED", 1)
def trading_status(call: EndpointCall) -> object:
    """The lock on trading by API: never set."""
    triggers = {"GCR": 150, "IFER": 150, "UFR": 300}
    locked = {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": triggers, "updateTime": call.now_ms}
    return {"data": locked}


@endpoint("GET", "/sapi/v1/bnbBurn", "SIGNED", 1)
def bnb_burn(call: EndpointCall) -> object:
    """The settings to pay fees and interest in BNB."""
    return {"spotBNBBurn": call.account.spot_fees_in_bnb, "interestBNBBurn": call.account.interest_in_bnb}


@endpoint("POST", "/sapi/v1/bnbBurn", "SIGNED", 1, right="margin")
def set_bnb_burn(call: EndpointCall) -> object:
    """Switch fees on spot, interest, or both, to BNB or back."""
    if call.params.get("spotBNBBurn") is None and call.params.get("interestBNBBurn") is None:
        raise missing_parameter("interestBNBBurn")
    call.account.spot_fees_in_bnb = call.params.flag("spotBNBBurn", default=call.account.spot_fees_in_bnb)
    call.account.interest_in_bnb = call.params.flag("interestBNBBurn", default=call.account.interest_in_bnb)
    return bnb_burn(call)


def _balance_row(call: EndpointCall, asset: str, balance: SimBalance) -> dict[str, str]:
    return {
        "asset": asset,
        "borrowed": call.format_amount(balance.borrowed),
        "free": call.format_amount(balance.free),
        "interest": call.format_amount(balance.interest),
        "locked": call.format_amount(balance.locked),
        "netAsset": call.format_amount(balance.net),
    }


def _pair_row(call: EndpointCall, symbol: str) -> dict[str, object]:
    pair = call.venue.listings.isolated_pair(symbol)
    if pair is None:
        raise not_a_margin_pair()
    margin = call.account.isolated.get(symbol)
    created = margin is not None and margin.created
    if margin is None or not created:
        margin = SimMarginAccount(call.account.name, SimWallet(call.account.name, symbol), symbol, enabled=False)
    standing = call.venue.valuer.value_account(call.account, margin)
    return {
        "baseAsset": _asset_row(call, margin, pair.base),
        "quoteAsset": _asset_row(call, margin, pair.quote),
        "symbol": symbol,
        "isolatedCreated": created,
        "enabled": margin.enabled and created,
        "marginLevel": NO_DEBT_ISOLATED if standing.level is None else format_decimal(round_half_up(standing.level)),
        "marginLevelStatus": standing.status,
        "marginRatio": str(pair.leverage),
        "indexPrice": format_decimal(standing.index_price or ZERO),
        "liquidatePrice": _liquidate_price(standing),
        "liquidateRate": "0",
        "tradeEnabled": margin.enabled and created,
    }


def _liquidate_price(standing: MarginValuation) -> str:
    return "0" if standing.liquidation is None else format_decimal(round_half_up(standing.liquidation[0]))


def _asset_row(call: EndpointCall, margin: SimMarginAccount, asset: str) -> dict[str, object]:
    balance = margin.wallet.get(asset)
    return {
        "asset": asset,
        "borrowEnabled": margin.enabled,
        "borrowed": call.format_amount(balance.borrowed),
        "free": call.format_amount(balance.free),
        "interest": call.format_amount(balance.interest),
        "locked": call.format_amount(balance.locked),
        "netAsset": call.format_amount(balance.net),
        "netAssetOfBtc": _btc_value(call, balance.net * call.venue.prices.usdt_price(asset)),
        "repayEnabled": margin.enabled,
        "totalAsset": call.format_amount(balance.held),
    }


def _btc_value(call: EndpointCall, usdt: Decimal) -> str:
    return call.format_amount(round_half_up(usdt / (call.venue.prices.usdt_price("BTC") or ONE)))
