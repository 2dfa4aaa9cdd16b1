"""Market and reference data: assets, pairs, prices, tiers, ratios, schedules, filters, server time."""

import msgspec

from monitor.exchange.binance.wire.field_types import DecimalText, Payload, Timestamp, UnsignedText
from monitor.exchange.binance.wire.orders import OrderCountRow


class MinRepayRow(Payload, frozen=True, kw_only=True):
    """The smallest repayment of an asset."""

    asset_name: str
    user_min_repay: DecimalText | None = None


class MarginAssetRow(MinRepayRow, frozen=True, kw_only=True):
    """An asset of margin trading."""

    is_borrowable: bool
    is_mortgageable: bool
    asset_full_name: str = ""
    user_min_borrow: DecimalText | None = None
    delist_time: Timestamp | None = None


class MarginPairRow(Payload, frozen=True, kw_only=True):
    """A pair of margin trading. Isolated ones have no `id`."""

    symbol: str
    base: str
    quote: str
    is_margin_trade: bool
    is_buy_allowed: bool
    is_sell_allowed: bool
    id: int | None = None
    delist_time: Timestamp | None = None


class PriceIndexPayload(Payload, frozen=True):
    """The index price by which margin is valued."""

    symbol: str
    price: DecimalText
    calc_time: Timestamp


class CrossInterestRow(Payload, frozen=True, kw_only=True):
    """Interest of one asset in cross margin."""

    coin: str
    daily_interest: UnsignedText


class CrossTermsRow(CrossInterestRow, frozen=True, kw_only=True):
    """Interest and limit of one asset in cross margin; no trading fee."""

    vip_level: int | None = None
    yearly_interest: DecimalText | None = None
    borrow_limit: DecimalText | None = None
    transfer_in: bool = True
    borrowable: bool = True
    marginable_pairs: tuple[str, ...] = ()


class IsolatedCoinTermsRow(Payload, frozen=True):
    """Interest and limit of one side of a pair."""

    coin: str
    daily_interest: DecimalText
    borrow_limit: DecimalText


class IsolatedTermsRow(Payload, frozen=True):
    """Interest and limits of one isolated pair; no trading fee."""

    symbol: str
    vip_level: int
    leverage: DecimalText
    coins: tuple[IsolatedCoinTermsRow, ...] = msgspec.field(name="data")


class CollateralTierRow(Payload, frozen=True, kw_only=True):
    """The share of value that counts as collateral, from `min_usd_value` up; the last tier has no upper end."""

    min_usd_value: DecimalText
    discount_rate: DecimalText
    max_usd_value: DecimalText | None = None


class CollateralRatioRow(Payload, frozen=True):
    """Tiers shared by a group of assets."""

    collaterals: tuple[CollateralTierRow, ...]
    asset_names: tuple[str, ...]


class RestrictedAssetsPayload(Payload, frozen=True, kw_only=True):
    """Assets that can't be bought on credit, and assets that the platform accepts no more of as collateral."""

    open_long_restricted_asset: tuple[str, ...] = ()
    max_collateral_exceeded_asset: tuple[str, ...] = ()


class AssetTagsRow(Payload, frozen=True, kw_only=True):
    """The tags of one asset of the spot market, *Monitoring* among them."""

    asset_code: str
    tags: tuple[str, ...]
    asset_name: str = ""
    # Its type is not documented.
    trading: bool | int | str | None = None


class LimitPricePairsPayload(Payload, frozen=True):
    """Pairs whose limit orders must stay within 15 % of the index."""

    cross_margin_symbols: tuple[str, ...]


class LiquidationRatioRow(Payload, frozen=True):
    """The risk-based liquidation ratio of an asset; its use is not documented."""

    asset: str
    risk_based_liquidation_ratio: DecimalText


class DelistScheduleRow(Payload, frozen=True, kw_only=True):
    """Assets and pairs that leave margin trading, and when."""

    delist_time: Timestamp
    cross_margin_assets: tuple[str, ...] = ()
    isolated_margin_symbols: tuple[str, ...] = ()


class ListScheduleRow(Payload, frozen=True, kw_only=True):
    """Assets and pairs that enter margin trading, and when."""

    list_time: Timestamp
    cross_margin_assets: tuple[str, ...] = ()
    isolated_margin_symbols: tuple[str, ...] = ()


class InventoryPayload(Payload, frozen=True):
    """Amounts that the platform can lend, by asset."""

    assets: dict[str, DecimalText]
    update_time: Timestamp


class SystemStatusPayload(Payload, frozen=True):
    """System status: 0 normal, 1 maintenance."""

    status: int
    msg: str = ""


class ServerTimePayload(Payload, frozen=True):
    """The exchange's time."""

    server_time: Timestamp


class LastPriceRow(Payload, frozen=True):
    """The last traded price. It stays text: of all symbols few are wanted."""

    symbol: str
    price: str


class BarRow(Payload, frozen=True, array_like=True):
    """One bar, an array: the places that past prices need."""

    open_time: Timestamp
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: DecimalText
    close_time: Timestamp


class KlineRow(BarRow, frozen=True, array_like=True):
    """One bar, an array, with every place. The last bar of an answer is usually unfinished; `unused` is "0"."""

    quote_volume: DecimalText
    trades: int
    taker_base_volume: DecimalText
    taker_quote_volume: DecimalText
    unused: str = "0"


class SymbolFilterRow(Payload, frozen=True, kw_only=True):
    """One filter that orders must pass; fields of the other filters are absent. A zero switches its rule off."""

    filter_type: str
    min_price: DecimalText | None = None
    max_price: DecimalText | None = None
    tick_size: DecimalText | None = None
    min_qty: DecimalText | None = None
    max_qty: DecimalText | None = None
    step_size: DecimalText | None = None
    min_notional: DecimalText | None = None
    max_notional: DecimalText | None = None


class SymbolRow(Payload, frozen=True, kw_only=True):
    """One symbol: its status, precision and the filters that orders must pass."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    base_asset_precision: int = 8
    quote_asset_precision: int = 8
    order_types: tuple[str, ...] = ()
    is_margin_trading_allowed: bool = False
    is_spot_trading_allowed: bool = False
    filters: tuple[SymbolFilterRow, ...] = ()


class ExchangeInfoPayload(Payload, frozen=True, kw_only=True):
    """The symbols with their rules. `rate_limits` are the pools of /api."""

    server_time: Timestamp
    symbols: tuple[SymbolRow, ...]
    rate_limits: tuple[OrderCountRow, ...] = ()
