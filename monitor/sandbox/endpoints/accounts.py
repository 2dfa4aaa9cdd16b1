"""Who one is and what one has on margin: accounts, bars, key permissions, settings."""

from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO, nearest, plain, text
from monitor.sandbox.api.errors import Refusal, invalid, missing, not_a_pair
from monitor.sandbox.endpoints.history_paging import DAY_MS
from monitor.sandbox.endpoints.registry import Call, endpoint
from monitor.sandbox.ledger.accounts import Margin
from monitor.sandbox.ledger.ledger import Balance, Wallet
from monitor.sandbox.ledger.valuation import Standing
from monitor.sandbox.scenario.scenario import CROSS_3X, CROSS_5X

NO_DEBT_CROSS = "999.00000000"
NO_DEBT_ISOLATED = "999"
MOST_SYMBOLS = 5


@endpoint("GET", "/sapi/v1/margin/account", "SIGNED", 10)
def cross_account(call: Call) -> object:
    """The cross account with a row for every margin asset, zeros included."""
    margin, venue = call.cross(), call.venue
    standing = venue.valuer.standing(call.account, margin)
    rows = dict(venue.blank_rows)
    if venue.scenario.readings.unused_usdt_row == "absent":
        rows.pop("USDT", None)
    for asset, balance in margin.wallet.balances.items():
        if balance.held or balance.owed:
            rows[asset] = _row(call, asset, balance)
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": NO_DEBT_CROSS if standing.level is None else text(nearest(standing.level)),
        "collateralMarginLevel": (
            NO_DEBT_CROSS if standing.collateral_level is None else text(nearest(standing.collateral_level))
        ),
        "totalAssetOfBtc": _btc(call, standing.assets),
        "totalLiabilityOfBtc": _btc(call, standing.liabilities),
        "totalNetAssetOfBtc": _btc(call, standing.equity),
        venue.scenario.readings.collateral_key: text(nearest(standing.collateral)),
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "userAssets": list(rows.values()),
    }


@endpoint("GET", "/sapi/v1/margin/isolated/account", "SIGNED", 10)
def isolated_account(call: Call) -> object:
    """Isolated pairs: all of the account with totals, or those named, without."""
    symbols = call.params.names("symbols")
    if symbols is not None:
        if len(symbols) > MOST_SYMBOLS:
            raise invalid("symbols")
        return {"assets": [_pair_row(call, symbol) for symbol in symbols]}
    account = call.account
    standings = [call.venue.valuer.standing(account, one) for one in account.isolated.values() if one.created]
    return {
        "assets": [_pair_row(call, symbol) for symbol in account.isolated],
        "totalAssetOfBtc": _btc(call, sum((one.assets for one in standings), ZERO)),
        "totalLiabilityOfBtc": _btc(call, sum((one.liabilities for one in standings), ZERO)),
        "totalNetAssetOfBtc": _btc(call, sum((one.equity for one in standings), ZERO)),
    }


@endpoint("POST", "/sapi/v1/margin/isolated/account", "SIGNED", 300, "UID", right="trading")
def enable_isolated(call: Call) -> object:
    """Re-activate a pair that was disabled; one never created is refused."""
    margin = call.isolated(call.params.required("symbol"))
    margin.enabled = True
    return {"success": True, "symbol": margin.symbol}


@endpoint("DELETE", "/sapi/v1/margin/isolated/account", "SIGNED", 300, "UID", right="trading")
def disable_isolated(call: Call) -> object:
    """Disable a pair that holds and owes nothing, once in 24 hours."""
    margin = call.isolated(call.params.required("symbol"))
    if any(balance.held or balance.owed for balance in margin.wallet.balances.values()):
        raise Refusal(-3004, "Trade not allowed.")
    if margin.disabled_at_ms is not None and call.now_ms - margin.disabled_at_ms < DAY_MS:
        raise Refusal(-3026, "Your input param is invalid.")
    margin.enabled, margin.disabled_at_ms = False, call.now_ms
    return {"success": True, "symbol": margin.symbol}


@endpoint("GET", "/sapi/v1/margin/isolated/accountLimit", "SIGNED", 1)
def isolated_limit(call: Call) -> object:
    """How many pairs are enabled, and may be."""
    return {"enabledAccount": sum(one.enabled for one in call.account.isolated.values()), "maxAccount": 20}


@endpoint("GET", "/sapi/v1/margin/tradeCoeff", "SIGNED", 10)
def trade_coefficients(call: Call) -> object:
    """The cross account's own bars."""
    call.cross()
    bars = call.account.bars
    return {
        "normalBar": plain(bars.initial),
        "marginCallBar": plain(bars.margin_call),
        "forceLiquidationBar": plain(bars.liquidation),
    }


@endpoint("POST", "/sapi/v1/margin/max-leverage", "SIGNED", 3000, "UID", right="margin", calls_a_minute=1)
def max_leverage(call: Call) -> object:
    """Set the cross account to 3x or 5x, if its level allows."""
    margin = call.cross()
    bars = CROSS_3X if call.params.choice("maxLeverage", "3", "5") == "3" else CROSS_5X
    level = call.venue.valuer.level(margin)
    if level is not None and level <= bars.initial:
        raise Refusal(-3023, "You can't transfer out/place order under current margin level.")
    call.account.bars = bars
    call.venue.restless = True
    return {"success": True}


@endpoint("GET", "/sapi/v1/account/apiRestrictions", "SIGNED", 1)
def key_permissions(call: Call) -> object:
    """What the key may do."""
    if call.key is None:
        raise missing("X-MBX-APIKEY")
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
def account_info(call: Call) -> object:
    """VIP level and which products are open."""
    return {
        "vipLevel": call.account.vip_level,
        "isMarginEnabled": call.account.cross.created,
        "isFutureEnabled": False,
        "isOptionsEnabled": False,
        "isPortfolioMarginRetailEnabled": False,
    }


@endpoint("GET", "/sapi/v1/account/apiTradingStatus", "SIGNED", 1)
def trading_status(call: Call) -> object:
    """Whether trading by API is locked: never."""
    triggers = {"GCR": 150, "IFER": 150, "UFR": 300}
    locked = {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": triggers, "updateTime": call.now_ms}
    return {"data": locked}


@endpoint("GET", "/sapi/v1/bnbBurn", "SIGNED", 1)
def bnb_burn(call: Call) -> object:
    """Whether fees and interest are paid in BNB."""
    return {"spotBNBBurn": call.account.spot_fees_in_bnb, "interestBNBBurn": call.account.interest_in_bnb}


@endpoint("POST", "/sapi/v1/bnbBurn", "SIGNED", 1, right="margin")
def set_bnb_burn(call: Call) -> object:
    """Switch fees on spot, interest, or both, to BNB or back."""
    if call.params.get("spotBNBBurn") is None and call.params.get("interestBNBBurn") is None:
        raise missing("interestBNBBurn")
    call.account.spot_fees_in_bnb = call.params.flag("spotBNBBurn", default=call.account.spot_fees_in_bnb)
    call.account.interest_in_bnb = call.params.flag("interestBNBBurn", default=call.account.interest_in_bnb)
    return bnb_burn(call)


def _row(call: Call, asset: str, balance: Balance) -> dict[str, str]:
    return {
        "asset": asset,
        "borrowed": call.text(balance.borrowed),
        "free": call.text(balance.free),
        "interest": call.text(balance.interest),
        "locked": call.text(balance.locked),
        "netAsset": call.text(balance.net),
    }


def _pair_row(call: Call, symbol: str) -> dict[str, object]:
    pair = call.venue.catalogue.isolated_pair(symbol)
    if pair is None:
        raise not_a_pair()
    margin = call.account.isolated.get(symbol)
    created = margin is not None and margin.created
    if margin is None or not created:
        margin = Margin(call.account.name, Wallet(call.account.name, symbol), symbol, enabled=False)
    standing = call.venue.valuer.standing(call.account, margin)
    return {
        "baseAsset": _side(call, margin, pair.base),
        "quoteAsset": _side(call, margin, pair.quote),
        "symbol": symbol,
        "isolatedCreated": created,
        "enabled": margin.enabled and created,
        "marginLevel": NO_DEBT_ISOLATED if standing.level is None else text(nearest(standing.level)),
        "marginLevelStatus": standing.status,
        "marginRatio": str(pair.leverage),
        "indexPrice": text(standing.index_price or ZERO),
        "liquidatePrice": _liquidate_price(standing),
        "liquidateRate": "0",
        "tradeEnabled": margin.enabled and created,
    }


def _liquidate_price(standing: Standing) -> str:
    return "0" if standing.liquidation is None else text(nearest(standing.liquidation[0]))


def _side(call: Call, margin: Margin, asset: str) -> dict[str, object]:
    balance = margin.wallet.get(asset)
    return {
        "asset": asset,
        "borrowEnabled": margin.enabled,
        "borrowed": call.text(balance.borrowed),
        "free": call.text(balance.free),
        "interest": call.text(balance.interest),
        "locked": call.text(balance.locked),
        "netAsset": call.text(balance.net),
        "netAssetOfBtc": _btc(call, balance.net * call.venue.prices.usdt(asset)),
        "repayEnabled": margin.enabled,
        "totalAsset": call.text(balance.held),
    }


def _btc(call: Call, usdt: Decimal) -> str:
    return call.text(nearest(usdt / (call.venue.prices.usdt("BTC") or ONE)))
