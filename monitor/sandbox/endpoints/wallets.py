"""Wallets beside margin: spot, funding, and the overview."""

from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO, format_decimal, format_plain, round_half_up
from monitor.sandbox.api.errors import invalid_parameter
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint
from monitor.sandbox.ledger.ledger import SimBalance

# Wallets of the overview that are always empty in the sandbox.
EMPTY_WALLETS = ("USDⓈ-M Futures", "COIN-M Futures", "Earn", "Options", "Trading Bots", "Copy Trading")


@endpoint("GET", "/api/v3/account", "SIGNED", 20)
def spot_account(call: EndpointCall) -> object:
    """The spot wallet."""
    rate = format_decimal(call.venue.scenario.commission)
    points = int(call.venue.scenario.commission * 10_000)
    wallet = call.account.spot
    omit = call.params.flag("omitZeroBalances")
    balances = [
        {"asset": asset, "free": format_decimal(wallet.free(asset)), "locked": format_decimal(ZERO)}
        for asset in dict.fromkeys([*wallet.balances, *call.venue.listings.assets])
        if wallet.free(asset) or not omit
    ]
    return {
        "makerCommission": points,
        "takerCommission": points,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": rate,
            "taker": rate,
            "buyer": format_decimal(ZERO),
            "seller": format_decimal(ZERO),
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.now_ms,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": call.account.uid,
    }


@endpoint("POST", "/sapi/v3/asset/getUserAsset", "SIGNED", 5)
def user_assets(call: EndpointCall) -> object:
    """The positive balances of the spot wallet."""
    return [
        {"asset": asset, "free": format_plain(amount), "locked": "0", "freeze": "0", "withdrawing": "0", "ipoable": "0",
         "btcValuation": _valuation(call, asset, amount)}
        for asset, amount in _positive(call, call.account.spot.balances)
    ]  # fmt: skip


@endpoint("POST", "/sapi/v1/asset/get-funding-asset", "SIGNED", 1)
def funding_assets(call: EndpointCall) -> object:
    """The positive balances of the funding wallet."""
    return [
        {"asset": asset, "free": format_plain(amount), "locked": "0", "freeze": "0", "withdrawing": "0",
         "btcValuation": _valuation(call, asset, amount)}
        for asset, amount in _positive(call, call.account.funding.balances)
    ]  # fmt: skip


@endpoint("GET", "/sapi/v1/asset/wallet/balance", "SIGNED", 60)
def wallet_overview(call: EndpointCall) -> object:
    """The value of each wallet in `quoteAsset`, debts subtracted."""
    quote = call.params.get("quoteAsset") or "BTC"
    unit = call.venue.prices.usdt_price(quote)
    if not unit:
        raise invalid_parameter("quoteAsset")
    account, prices = call.account, call.venue.prices

    def worth(*wallets: dict[str, SimBalance]) -> str:
        usdt = sum((row.net * prices.usdt_price(asset) for wallet in wallets for asset, row in wallet.items()), ZERO)
        return format_plain(round_half_up(usdt / unit))

    pairs = [margin.wallet.balances for margin in account.isolated.values() if margin.created]
    rows = (
        (True, worth(account.spot.balances), "Spot"),
        (True, worth(account.funding.balances), "Funding"),
        (account.cross.created, worth(account.cross.wallet.balances), "Cross Margin"),
        (bool(pairs), worth(*pairs), "Isolated Margin"),
        *((False, "0", name) for name in EMPTY_WALLETS),
    )
    return [{"activate": active, "balance": balance, "walletName": name} for active, balance, name in rows]


def _positive(call: EndpointCall, balances: dict[str, SimBalance]) -> list[tuple[str, Decimal]]:
    wanted = call.params.get("asset")
    return [(asset, balance.free) for asset, balance in balances.items() if balance.free and wanted in (None, asset)]


def _valuation(call: EndpointCall, asset: str, amount: Decimal) -> str:
    if not call.params.flag("needBtcValuation"):
        return "0"
    prices = call.venue.prices
    return call.format_amount(round_half_up(amount * prices.usdt_price(asset) / (prices.usdt_price("BTC") or ONE)))
