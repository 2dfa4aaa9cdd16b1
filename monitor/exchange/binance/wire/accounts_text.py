"""Wallets, key permissions and the user of an account. Amounts stay text until translated."""

import msgspec


class TextWalletRow(msgspec.Struct):
    """A row of POST /sapi/v3/asset/getUserAsset (spot) and POST /sapi/v1/asset/get-funding-asset."""

    asset: str
    free: str


class TextSpotAccount(msgspec.Struct):
    """GET /api/v3/account: the number of the user that the account belongs to."""

    uid: int


class TextKeyPermissions(msgspec.Struct, rename="camel", kw_only=True):
    """GET /sapi/v1/account/apiRestrictions. Only some keys have the expiry."""

    ip_restrict: bool
    enable_reading: bool
    enable_withdrawals: bool
    enable_margin: bool
    enable_spot_and_margin_trading: bool
    permits_universal_transfer: bool = False
    enable_portfolio_margin_trading: bool = False
    enable_internal_transfer: bool = False
    enable_futures: bool = False
    enable_vanilla_options: bool = False
    enable_fix_api_trade: bool = False
    trading_authority_expiration_time: int | None = None
