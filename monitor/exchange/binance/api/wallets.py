"""Wallets outside margin, and the tokens that open streams."""

from monitor.exchange.binance.api.endpoint_function import declaration_only, read
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.wire.acknowledgements import EmptyPayload
from monitor.exchange.binance.wire.row_decoding import WHOLE_ANSWER
from monitor.exchange.binance.wire.stream_keys import StreamTokenPayload
from monitor.exchange.binance.wire.wallets import SpotWalletPayload, WalletAssetRow

_ISOLATED = {"symbol": ("isIsolated", "true")}
_TOKEN = "/sapi/v1/userListenToken"


@read("GET", "/api/v3/account", weight=20, bool_style="true", aliases=("get_account",), priority=Priority.LAST)
def get_spot_account(*, omit_zero_balances: bool | None = None) -> SpotWalletPayload:
    """The spot wallet."""
    declaration_only()


@read(
    "POST",
    "/sapi/v3/asset/getUserAsset",
    weight=5,
    bool_style="true",
    aliases=("get_user_asset",),
    rows=WHOLE_ANSWER,
)
def get_user_assets(*, asset: str | None = None, need_btc_valuation: bool | None = None) -> list[WalletAssetRow]:
    """Positive balances of the spot wallet. A POST that changes nothing."""
    declaration_only()


@read("POST", "/sapi/v1/asset/get-funding-asset", bool_style="true", aliases=("funding_wallet",), rows=WHOLE_ANSWER)
def get_funding_assets(*, asset: str | None = None, need_btc_valuation: bool | None = None) -> list[WalletAssetRow]:
    """Balances of the funding wallet. A POST that changes nothing."""
    declaration_only()


# The weight is not documented and taken as 1; so is whether the request must be signed: both ways work today.
@read(
    "POST",
    _TOKEN,
    counted="uid",
    bool_style="true",
    secret=True,
    implied_params=_ISOLATED,
    aliases=("margin_create_listen_token",),
)
def margin_stream_get_listen_key(
    *, symbol: str | None = None, is_isolated: bool | None = None, validity: int | None = None
) -> StreamTokenPayload:
    """A token for the events of cross, or of the pair `symbol`; the listen keys of old are gone."""
    declaration_only()


@read("POST", _TOKEN, counted="uid", bool_style="true", secret=True, implied_params=_ISOLATED, ignored=("listen_key",))
def margin_stream_keepalive(
    *,
    symbol: str | None = None,
    is_isolated: bool | None = None,
    validity: int | None = None,
    listen_key: str | None = None,
) -> StreamTokenPayload:
    """A new token: one that was given cannot be extended."""
    declaration_only()


@read("", "", is_local=True)
def margin_stream_close(*, symbol: str | None = None, listen_key: str | None = None) -> EmptyPayload:
    """Nothing: tokens expire by themselves."""
    declaration_only()
