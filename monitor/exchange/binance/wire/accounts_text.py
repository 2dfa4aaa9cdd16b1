"""Cross and isolated accounts, their thresholds and tiers. Amounts stay text until translated."""

import msgspec


class TextCrossAssetRow(msgspec.Struct):
    """One asset of the cross account; several hundred come, most of them zero."""

    asset: str
    borrowed: str
    free: str
    interest: str
    locked: str
    netAsset: str  # noqa: N815


class TextCrossAccount(msgspec.Struct, rename="camel", kw_only=True):
    """GET /sapi/v1/margin/account. The collateral value comes with a capital or a small first letter."""

    margin_level: str
    total_asset_of_btc: str
    total_liability_of_btc: str
    total_net_asset_of_btc: str
    user_assets: list[TextCrossAssetRow]
    collateral_margin_level: str | None = None
    collateral_capital: str | None = msgspec.field(name="TotalCollateralValueInUSDT", default=None)
    collateral_small: str | None = msgspec.field(name="totalCollateralValueInUSDT", default=None)
    created: bool = True
    account_type: str = "MARGIN_1"
    borrow_enabled: bool = True
    trade_enabled: bool = True
    transfer_in_enabled: bool = True
    transfer_out_enabled: bool = True

    @property
    def total_collateral_value_in_usdt(self) -> str | None:
        return self.collateral_capital if self.collateral_capital is not None else self.collateral_small


class TextIsolatedAssetRow(msgspec.Struct, rename="camel", kw_only=True):
    """One side of an isolated pair."""

    asset: str
    borrowed: str
    free: str
    interest: str
    locked: str
    net_asset: str
    net_asset_of_btc: str | None = None


class TextIsolatedPairRow(msgspec.Struct, rename="camel", kw_only=True):
    """One isolated pair. A pair never created comes as a healthy-looking row with isolatedCreated false."""

    symbol: str
    isolated_created: bool
    enabled: bool
    base_asset: TextIsolatedAssetRow
    quote_asset: TextIsolatedAssetRow
    margin_level: str
    index_price: str | None = None
    liquidate_price: str | None = None
    margin_level_status: str | None = None
    trade_enabled: bool = True


class TextIsolatedAccount(msgspec.Struct, rename="camel", kw_only=True):
    """GET /sapi/v1/margin/isolated/account; the totals come only when all pairs were requested."""

    assets: list[TextIsolatedPairRow]
    total_asset_of_btc: str | None = None
    total_liability_of_btc: str | None = None
    total_net_asset_of_btc: str | None = None


class TextThresholds(msgspec.Struct, rename="camel"):
    """GET /sapi/v1/margin/tradeCoeff: the cross account's own thresholds."""

    normal_bar: str
    margin_call_bar: str
    force_liquidation_bar: str


class TextTierRow(msgspec.Struct, rename="camel"):
    """A row of GET /sapi/v1/margin/isolatedMarginTier."""

    symbol: str
    tier: int
    initial_risk_ratio: str
    liquidation_risk_ratio: str
    base_asset_max_borrowable: str
    quote_asset_max_borrowable: str


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
