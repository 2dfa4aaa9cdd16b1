"""Margin accounts, their settings, limits and key permissions.

The amounts of the two accounts stay text until they are translated: most are zero, and are compared before any is
converted.
"""

import msgspec

from monitor.exchange.binance.wire.field_types import DecimalText, Payload, Timestamp, UnsignedText


class TierRatiosRow(Payload, frozen=True, kw_only=True):
    """One tier of an isolated pair: maximum debts, and the ratios that hold up to them."""

    symbol: str
    tier: int
    initial_risk_ratio: UnsignedText
    liquidation_risk_ratio: UnsignedText
    base_asset_max_borrowable: UnsignedText
    quote_asset_max_borrowable: UnsignedText


class IsolatedTierRow(TierRatiosRow, frozen=True, kw_only=True):
    """One tier of an isolated pair, and its leverage."""

    effective_multiple: DecimalText | None = None


class CrossAssetRow(Payload, frozen=True):
    """One asset of the cross account; several hundred come, most of them zero. Its debt is `borrowed + interest`."""

    asset: str
    borrowed: str
    free: str
    interest: str
    locked: str
    net_asset: str


class CrossAccountPayload(Payload, frozen=True, kw_only=True):
    """The cross account. Without debt both levels are 999; the collateral value comes in two spellings."""

    margin_level: str
    total_asset_of_btc: str
    total_liability_of_btc: str
    total_net_asset_of_btc: str
    user_assets: tuple[CrossAssetRow, ...]
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
        """The collateral after haircuts, in USDT."""
        return self.collateral_capital if self.collateral_capital is not None else self.collateral_small


class IsolatedAssetRow(Payload, frozen=True, kw_only=True):
    """One side of an isolated pair."""

    asset: str
    borrowed: str
    free: str
    interest: str
    locked: str
    net_asset: str
    net_asset_of_btc: str | None = None


class IsolatedPairRow(Payload, frozen=True, kw_only=True):
    """One isolated pair. A pair that was never created looks healthy: check `isolated_created` first."""

    symbol: str
    isolated_created: bool
    enabled: bool
    base_asset: IsolatedAssetRow
    quote_asset: IsolatedAssetRow
    margin_level: str
    index_price: str | None = None
    liquidate_price: str | None = None
    margin_level_status: str | None = None
    trade_enabled: bool = True


class IsolatedAccountPayload(Payload, frozen=True, kw_only=True):
    """The isolated pairs; the totals are present only when no pair was named."""

    assets: tuple[IsolatedPairRow, ...]
    total_asset_of_btc: str | None = None
    total_liability_of_btc: str | None = None
    total_net_asset_of_btc: str | None = None


class ThresholdsPayload(Payload, frozen=True):
    """The cross account's own thresholds: to borrow, margin call, liquidation."""

    normal_bar: UnsignedText
    margin_call_bar: UnsignedText
    force_liquidation_bar: UnsignedText


class MaxBorrowable(Payload, frozen=True):
    """Amount that can be borrowed now, and the cap by the user's level."""

    amount: DecimalText
    borrow_limit: DecimalText | None = None


class MaxTransferable(Payload, frozen=True):
    """Amount that may leave the margin account now."""

    amount: DecimalText


class AccountLimitPayload(Payload, frozen=True):
    """Number of isolated accounts that are enabled, and their maximum."""

    enabled_account: int
    max_account: int


class BnbBurn(Payload, frozen=True):
    """Settings that pay fees and interest in BNB."""

    spot_bnb_burn: bool = msgspec.field(name="spotBNBBurn")
    interest_bnb_burn: bool = msgspec.field(name="interestBNBBurn")


class KeyPermissionsPayload(Payload, frozen=True, kw_only=True):
    """Permissions of a key. Only some keys have the expiry; 0 is none."""

    ip_restrict: bool
    enable_reading: bool
    enable_withdrawals: bool
    enable_margin: bool
    enable_spot_and_margin_trading: bool
    enable_internal_transfer: bool = False
    permits_universal_transfer: bool = False
    enable_futures: bool = False
    enable_vanilla_options: bool = False
    enable_portfolio_margin_trading: bool = False
    enable_fix_api_trade: bool = False
    trading_authority_expiration_time: int | None = None


class AccountInfoPayload(Payload, frozen=True, kw_only=True):
    """The user's level, and which products are open."""

    vip_level: int
    is_margin_enabled: bool
    is_future_enabled: bool = False
    is_options_enabled: bool = False
    is_portfolio_margin_retail_enabled: bool = False


class TradingStatus(Payload, frozen=True, kw_only=True):
    """Lock of trading by API. `planned_recover_time` is 0 while trading is not locked."""

    is_locked: bool
    planned_recover_time: int = 0
    update_time: Timestamp | None = None


class TradingStatusPayload(Payload, frozen=True):
    """The trading status in its wrapper."""

    status: TradingStatus = msgspec.field(name="data")
