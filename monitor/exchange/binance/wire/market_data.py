"""What the venue lists: assets, pairs, tiers, ratios, schedules, prices, filters."""

import msgspec

from monitor.exchange.binance.wire.field_types import Amount, Moment, Typed
from monitor.exchange.binance.wire.orders import OrderCount


class MarginAsset(Typed, frozen=True, kw_only=True):
    """An asset of margin trading. `user_min_repay` is the smallest repayment."""

    asset_name: str
    is_borrowable: bool
    is_mortgageable: bool
    asset_full_name: str = ""
    user_min_borrow: Amount | None = None
    user_min_repay: Amount | None = None
    delist_time: Moment | None = None


class MarginPair(Typed, frozen=True, kw_only=True):
    """A pair of margin trading. Isolated ones have no `id`."""

    symbol: str
    base: str
    quote: str
    is_margin_trade: bool
    is_buy_allowed: bool
    is_sell_allowed: bool
    id: int | None = None
    delist_time: Moment | None = None


class PriceIndex(Typed, frozen=True):
    """The index price that margin is valued by."""

    symbol: str
    price: Amount
    calc_time: Moment


class CrossMarginData(Typed, frozen=True, kw_only=True):
    """Interest and limit of one asset in cross margin; no trading fee."""

    coin: str
    vip_level: int
    daily_interest: Amount
    yearly_interest: Amount | None = None
    borrow_limit: Amount
    transfer_in: bool = True
    borrowable: bool = True
    marginable_pairs: tuple[str, ...] = ()


class IsolatedCoinData(Typed, frozen=True):
    """Interest and limit of one side of a pair."""

    coin: str
    daily_interest: Amount
    borrow_limit: Amount


class IsolatedMarginData(Typed, frozen=True):
    """Interest and limits of one isolated pair; no trading fee."""

    symbol: str
    vip_level: int
    leverage: Amount
    coins: tuple[IsolatedCoinData, ...] = msgspec.field(name="data")


class CollateralTier(Typed, frozen=True, kw_only=True):
    """The share of a value that counts, from `min_usd_value` up; the last tier has no upper end."""

    min_usd_value: Amount
    discount_rate: Amount
    max_usd_value: Amount | None = None


class CollateralRatio(Typed, frozen=True):
    """Tiers shared by a group of assets."""

    collaterals: tuple[CollateralTier, ...]
    asset_names: tuple[str, ...]


class RestrictedAssets(Typed, frozen=True, kw_only=True):
    """Assets without new longs by borrowing, and assets of which the platform takes no more as collateral."""

    open_long_restricted_asset: tuple[str, ...] = ()
    max_collateral_exceeded_asset: tuple[str, ...] = ()


class AssetTags(Typed, frozen=True, kw_only=True):
    """The tags of one asset of the spot market, *Monitoring* among them."""

    asset_code: str
    tags: tuple[str, ...]
    asset_name: str = ""
    # Of what type it is, is not documented.
    trading: bool | int | str | None = None


class LimitPricePairs(Typed, frozen=True):
    """Pairs whose limit orders must stay within 15 % of the index."""

    cross_margin_symbols: tuple[str, ...]


class LiquidationRatio(Typed, frozen=True):
    """The risk-based liquidation ratio of an asset; what it enters into is not documented."""

    asset: str
    risk_based_liquidation_ratio: Amount


class DelistSchedule(Typed, frozen=True, kw_only=True):
    """What leaves margin trading and when."""

    delist_time: Moment
    cross_margin_assets: tuple[str, ...] = ()
    isolated_margin_symbols: tuple[str, ...] = ()


class ListSchedule(Typed, frozen=True, kw_only=True):
    """What comes to margin trading and when."""

    list_time: Moment
    cross_margin_assets: tuple[str, ...] = ()
    isolated_margin_symbols: tuple[str, ...] = ()


class Inventory(Typed, frozen=True):
    """What the platform has to lend, by asset."""

    assets: dict[str, Amount]
    update_time: Moment


class SystemStatus(Typed, frozen=True):
    """0 normal, 1 maintenance."""

    status: int
    msg: str = ""


class VenueClock(Typed, frozen=True):
    """The venue's time."""

    server_time: Moment


class LastPrice(Typed, frozen=True):
    """The last traded price."""

    symbol: str
    price: Amount


class Filter(Typed, frozen=True, kw_only=True):
    """One rule that orders must keep; those of the other kinds are absent. A zero switches its rule off."""

    filter_type: str
    min_price: Amount | None = None
    max_price: Amount | None = None
    tick_size: Amount | None = None
    min_qty: Amount | None = None
    max_qty: Amount | None = None
    step_size: Amount | None = None
    min_notional: Amount | None = None
    max_notional: Amount | None = None


class SymbolRules(Typed, frozen=True, kw_only=True):
    """One symbol: its state, precision and the filters that orders must pass."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    base_asset_precision: int = 8
    quote_asset_precision: int = 8
    order_types: tuple[str, ...] = ()
    is_margin_trading_allowed: bool = False
    is_spot_trading_allowed: bool = False
    filters: tuple[Filter, ...] = ()


class ExchangeInfo(Typed, frozen=True, kw_only=True):
    """The symbols with their rules. `rate_limits` are the pools of /api."""

    server_time: Moment
    symbols: tuple[SymbolRules, ...]
    rate_limits: tuple[OrderCount, ...] = ()
