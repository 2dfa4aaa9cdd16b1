"""Answers of the wallet and account endpoints have exactly the documented fields and types."""

import msgspec
import pytest

from tests.sandbox.json_shapes import answer_after_an_hour, json_shape

# Endpoints that the examples of the margin API leave out, with the documented forms of their answers.
WALLET_FORMS: list[tuple[str, str, dict[str, str], str]] = [
    (
        "GET",
        "/sapi/v1/asset/transfer",
        {"type": "MAIN_MARGIN"},
        '{"total":2,"rows":[{"asset":"USDT","amount":"1","type":"MAIN_MARGIN","status":"CONFIRMED",'
        '"tranId":11415955596,"timestamp":1544433328000}]}',
    ),
    (
        "POST",
        "/sapi/v3/asset/getUserAsset",
        {},
        '[{"asset":"BNB","free":"887.4","locked":"0","freeze":"10.52","withdrawing":"0.1","ipoable":"0",'
        '"btcValuation":"0"}]',
    ),
    (
        "POST",
        "/sapi/v1/asset/get-funding-asset",
        {"needBtcValuation": "true"},
        '[{"asset":"USDT","free":"1","locked":"0","freeze":"0","withdrawing":"0","btcValuation":"0.1"}]',
    ),
    ("GET", "/sapi/v1/asset/wallet/balance", {}, '[{"activate":true,"balance":"0","walletName":"Spot"}]'),
    (
        "POST",
        "/sapi/v1/asset/dust-btc",
        {"accountType": "MARGIN"},
        '{"details":[{"asset":"ADA","assetFullName":"ADA","amountFree":"6.21","toBTC":"0.00016848",'
        '"toBNB":"0.01777302","toBNBOffExchange":"0.01741756","exchange":"0.00035546"}],'
        '"totalTransferBtc":"0.00016848","totalTransferBNB":"0.01777302","dribbletPercentage":"0.02"}',
    ),
    (
        "POST",
        "/sapi/v1/asset/dust-convert/convert",
        {"asset": "ADA", "targetAsset": "USDT", "accountType": "MARGIN"},
        '{"totalServiceCharge":"0.02102542","totalTransfered":"1.05127099","transferResult":[{"amount":"0.03",'
        '"fromAsset":"ETH","operateTime":1563368549307,"serviceChargeAmount":"0.005","tranId":2970932918,'
        '"transferedAmount":"0.25"}]}',
    ),
    (
        "GET",
        "/sapi/v1/asset/dribblet",
        {"accountType": "MARGIN"},
        '{"total":8,"userAssetDribblets":[{"operateTime":1615985535000,"totalTransferedAmount":"0.00132256",'
        '"totalServiceChargeAmount":"0.00002699","transId":45178372831,"userAssetDribbletDetails":[{'
        '"transId":4359321,"serviceChargeAmount":"0.000009","amount":"0.0009","operateTime":1615985535000,'
        '"transferedAmount":"0.000441","fromAsset":"USDT","targetAsset":"BNB"}]}]}',
    ),
    (
        "POST",
        "/sapi/v1/asset/dust-convert/query-convertible-assets",
        {"targetAsset": "USDT", "accountType": "MARGIN"},
        '{"dribbletPercentage":"0.02","totalTransferQuotaAssetAmount":"0.78","totalTransferTargetAssetAmount":"0.78",'
        '"dribbletBase":"10","details":[{"asset":"AR","assetFullName":"AR","amountFree":"0.00856",'
        '"exchange":"0.00073616","toQuotaAssetAmount":"0.036808","toTargetAssetAmount":"0.036808",'
        '"toTargetAssetOffExchange":"0.03607184"}]}',
    ),
    (
        "GET",
        "/sapi/v1/account/apiRestrictions",
        {},
        '{"ipRestrict":false,"createTime":1698645219000,"enableReading":true,"enableWithdrawals":false,'
        '"enableInternalTransfer":false,"enableMargin":false,"enableFutures":false,"permitsUniversalTransfer":false,'
        '"enableVanillaOptions":false,"enableFixApiTrade":false,"enableFixReadOnly":true,'
        '"enableSpotAndMarginTrading":false,"enablePortfolioMarginTrading":true}',
    ),
    (
        "GET",
        "/sapi/v1/account/info",
        {},
        '{"vipLevel":0,"isMarginEnabled":true,"isFutureEnabled":true,"isOptionsEnabled":true,'
        '"isPortfolioMarginRetailEnabled":true}',
    ),
    (
        "GET",
        "/sapi/v1/account/apiTradingStatus",
        {},
        '{"data":{"isLocked":false,"plannedRecoverTime":0,"triggerCondition":{"GCR":150,"IFER":150,"UFR":300},'
        '"updateTime":1547630471725}}',
    ),
    (
        "GET",
        "/api/v3/account",
        {"omitZeroBalances": "true"},
        '{"makerCommission":15,"takerCommission":15,"buyerCommission":0,"sellerCommission":0,"commissionRates":'
        '{"maker":"0.0015","taker":"0.0015","buyer":"0","seller":"0"},"canTrade":true,"canWithdraw":true,'
        '"canDeposit":true,"brokered":false,"requireSelfTradePrevention":false,"preventSor":false,'
        '"updateTime":123456789,"accountType":"SPOT","balances":[{"asset":"BTC","free":"1","locked":"0"}],'
        '"permissions":["SPOT"],"uid":354937868}',
    ),
    ("POST", "/sapi/v1/userListenToken", {}, '{"token":"t","expirationTime":1758792204196}'),
    ("GET", "/sapi/v1/system/status", {}, '{"status":0,"msg":"normal"}'),
    ("GET", "/api/v3/ticker/price", {"symbol": "BTCUSDT"}, '{"symbol":"LTCBTC","price":"4.00000200"}'),
]


@pytest.mark.parametrize(
    ("method", "path", "params", "documented"), WALLET_FORMS, ids=[path for _, path, *_ in WALLET_FORMS]
)
async def test_wallets_and_the_account(method: str, path: str, params: dict[str, str], documented: str) -> None:
    answer = await answer_after_an_hour(lambda client: client.signed(method, path, **params))
    assert json_shape(answer.body) == json_shape(msgspec.json.decode(documented))
