"""The wallets outside margin, and the tokens that open streams."""

from monitor.exchange.binance.api.function import read, the_venue_answers
from monitor.exchange.binance.wire.acknowledgements import NoAnswer
from monitor.exchange.binance.wire.stream_keys import StreamToken
from monitor.exchange.binance.wire.wallets import FundingAsset, SpotWallet, UserAsset

_ISOLATED = {"symbol": ("isIsolated", "true")}
_TOKEN = "/sapi/v1/userListenToken"


@read("GET", "/api/v3/account", weight=20, flags="true", aliases=("get_account",))
def get_spot_account(*, omit_zero_balances: bool | None = None) -> SpotWallet:
    """The spot wallet."""
    the_venue_answers()


@read("POST", "/sapi/v3/asset/getUserAsset", weight=5, flags="true", aliases=("get_user_asset",))
def get_user_assets(*, asset: str | None = None, need_btc_valuation: bool | None = None) -> list[UserAsset]:
    """Positive balances of the spot wallet. A POST that changes nothing."""
    the_venue_answers()


@read("POST", "/sapi/v1/asset/get-funding-asset", flags="true", aliases=("funding_wallet",))
def get_funding_assets(*, asset: str | None = None, need_btc_valuation: bool | None = None) -> list[FundingAsset]:
    """Balances of the funding wallet. A POST that changes nothing."""
    the_venue_answers()


# The weight is not documented and taken as 1.
@read(
    "POST", _TOKEN, counted="uid", flags="true", secret=True, implied=_ISOLATED, aliases=("margin_create_listen_token",)
)
def margin_stream_get_listen_key(
    *, symbol: str | None = None, is_isolated: bool | None = None, validity: int | None = None
) -> StreamToken:
    """A token for the events of cross, or of the pair `symbol`; the listen keys of old are gone."""
    the_venue_answers()


@read("POST", _TOKEN, counted="uid", flags="true", secret=True, implied=_ISOLATED, dropped=("listen_key",))
def margin_stream_keepalive(
    *,
    symbol: str | None = None,
    is_isolated: bool | None = None,
    validity: int | None = None,
    listen_key: str | None = None,
) -> StreamToken:
    """A new token: one that was given cannot be extended."""
    the_venue_answers()


@read("", "", silent=True)
def margin_stream_close(*, symbol: str | None = None, listen_key: str | None = None) -> NoAnswer:
    """Nothing: tokens expire by themselves."""
    the_venue_answers()
