"""Reference data and data outside margin: thresholds, tiers, permissions, prices, wallets, terms."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import CollateralTier, KeyPermissions, LeverageTier, Price, Thresholds, WalletBalances
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.symbols import TradingRules
from monitor.core.numbers.amounts import INFINITE, ZERO
from monitor.exchange.binance.wire.accounts import KeyPermissionsPayload, ThresholdsPayload, TierRatiosRow
from monitor.exchange.binance.wire.market_data import (
    AssetTagsRow,
    CollateralRatioRow,
    DelistScheduleRow,
    LastPriceRow,
    MarginPairRow,
    MinRepayRow,
    RestrictedAssetsPayload,
    SymbolFilterRow,
    SymbolRow,
)
from monitor.exchange.binance.wire.numbers import ImplausibleValue, parse_positive, parse_time
from monitor.exchange.binance.wire.plain_values import to_datetime, to_decimal, to_positive
from monitor.exchange.binance.wire.row_decoding import RejectedRow
from monitor.exchange.binance.wire.wallets import SpotOwnerPayload, WalletFreeRow

_DEFAULT_STEP = Decimal("1E-8")
"""Step of a filter that is switched off: that of every amount."""


def parse_thresholds(coefficients: ThresholdsPayload) -> Thresholds:
    """Return the account's own cross thresholds. Raises Implausible unless liquidation <= call <= initial."""
    thresholds = Thresholds(
        initial=to_positive(coefficients.normal_bar, "normalBar"),
        margin_call=to_positive(coefficients.margin_call_bar, "marginCallBar"),
        liquidation=to_positive(coefficients.force_liquidation_bar, "forceLiquidationBar"),
    )
    if not thresholds.liquidation <= thresholds.margin_call <= thresholds.initial:
        raise ImplausibleValue("the bars are not in order")
    return thresholds


def parse_tiers(rows: Iterable[TierRatiosRow], symbol: str) -> tuple[LeverageTier, ...]:
    """Return the leverage tiers of `symbol`, lowest number first. Raises Implausible when there is none."""
    found = sorted((_parse_tier(row) for row in rows if row.symbol == symbol), key=lambda tier: tier.number)
    if not found:
        raise ImplausibleValue(f"no tiers of {symbol}")
    return tuple(found)


def parse_permissions(restrictions: KeyPermissionsPayload) -> KeyPermissions:
    """Return the permissions of a key."""
    expiry = restrictions.trading_authority_expiration_time
    return KeyPermissions(
        reading=restrictions.enable_reading,
        margin=restrictions.enable_margin,
        trading=restrictions.enable_spot_and_margin_trading,
        universal_transfer=restrictions.permits_universal_transfer,
        withdrawals=restrictions.enable_withdrawals,
        ip_restricted=restrictions.ip_restrict,
        portfolio_margin=restrictions.enable_portfolio_margin_trading,
        internal_transfer=restrictions.enable_internal_transfer,
        futures=restrictions.enable_futures,
        options=restrictions.enable_vanilla_options,
        fix_trading=restrictions.enable_fix_api_trade,
        expires_at=parse_time(expiry, "tradingAuthorityExpirationTime") if expiry else None,
    )


def parse_user_id(account: SpotOwnerPayload) -> int:
    """Return the exchange's number of the user. Raises Implausible for an invalid one."""
    if account.uid is None or account.uid <= 0:
        raise ImplausibleValue(f"uid is no number of a user: {account.uid}")
    return account.uid


def parse_prices(
    tickers: Iterable[LastPriceRow], wanted: frozenset[str], *, at: datetime, rejected_rows: list[RejectedRow]
) -> Mapping[str, Price]:
    """Return the prices of the wanted symbols among `tickers`; invalid ones are added to `rejected_rows`."""
    found: dict[str, Price] = {}
    for ticker in tickers:
        if ticker.symbol in wanted:
            try:
                found[ticker.symbol] = Price(parse_positive(ticker.price, f"price of {ticker.symbol}"), at)
            except ImplausibleValue as why:
                rejected_rows.append(RejectedRow(ticker.symbol, str(why)))
    return found


def parse_wallet(rows: Iterable[WalletFreeRow], *, as_of: datetime) -> WalletBalances:
    """Return the free amounts that are not zero. Raises Implausible for an asset that comes twice."""
    free: dict[str, Decimal] = {}
    for row in rows:
        if not row.free:
            continue
        if row.asset in free:
            raise ImplausibleValue(f"{row.asset} comes twice")
        free[row.asset] = to_decimal(row.free)
    return WalletBalances(as_of=as_of, free=free)


def _parse_tier(row: TierRatiosRow) -> LeverageTier:
    return LeverageTier(
        number=row.tier,
        initial=to_positive(row.initial_risk_ratio, "initialRiskRatio"),
        liquidation=to_positive(row.liquidation_risk_ratio, "liquidationRiskRatio"),
        base_max_borrowable=to_decimal(row.base_asset_max_borrowable),
        quote_max_borrowable=to_decimal(row.quote_asset_max_borrowable),
    )


def parse_delisting(row: DelistScheduleRow) -> Delisting:
    """Return the assets and pairs that leave margin trading at one moment."""
    return Delisting(
        to_datetime(row.delist_time), frozenset(row.cross_margin_assets), frozenset(row.isolated_margin_symbols)
    )


def parse_restricted_assets(answer: RestrictedAssetsPayload) -> Restrictions:
    """Return the assets that can't be bought on credit, and those no longer taken as collateral."""
    return Restrictions(frozenset(answer.open_long_restricted_asset), frozenset(answer.max_collateral_exceeded_asset))


def parse_asset_tags(rows: Iterable[AssetTagsRow]) -> Mapping[str, frozenset[str]]:
    """Return the tags by asset; an asset that comes twice has those of both rows."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        found[row.asset_code] = found.get(row.asset_code, frozenset()) | frozenset(row.tags)
    return found


def parse_collateral_tiers(groups: Iterable[CollateralRatioRow]) -> Mapping[str, tuple[CollateralTier, ...]]:
    """Return the collateral tiers by asset, from zero up. The exchange lists groups of assets that share them."""
    found: dict[str, tuple[CollateralTier, ...]] = {}
    for group in groups:
        tiers = tuple(
            CollateralTier(
                to_decimal(tier.min_usd_value),
                None if tier.max_usd_value is None else to_decimal(tier.max_usd_value),
                to_decimal(tier.discount_rate),
            )
            for tier in sorted(group.collaterals, key=lambda tier: tier.min_usd_value)
        )
        found.update(dict.fromkeys(group.asset_names, tiers))
    return found


def parse_min_repay(assets: Iterable[MinRepayRow]) -> Mapping[str, Decimal]:
    """Return the smallest repayment of a debt by asset; assets without one are missing."""
    return {asset.asset_name: to_decimal(asset.user_min_repay) for asset in assets if asset.user_min_repay}


def parse_trading_rules(rules: SymbolRow, pair: MarginPairRow | None, *, is_traded: bool) -> TradingRules:
    """Return the rules of one symbol; `pair` is its row among the cross pairs, if any."""
    price, lot = _find_filter(rules, "PRICE_FILTER"), _find_filter(rules, "LOT_SIZE")
    worth = _find_filter(rules, "NOTIONAL") or _find_filter(rules, "MIN_NOTIONAL")
    trades = is_traded and (pair is None or pair.is_margin_trade)
    return TradingRules(
        symbol=rules.symbol,
        base=rules.base_asset,
        quote=rules.quote_asset,
        tick_size=to_decimal((price and price.tick_size) or _DEFAULT_STEP),
        lot_step=to_decimal((lot and lot.step_size) or _DEFAULT_STEP),
        min_quantity=to_decimal((lot and lot.min_qty) or ZERO),
        max_quantity=to_decimal((lot and lot.max_qty) or INFINITE),
        min_notional=to_decimal((worth and worth.min_notional) or ZERO),
        max_notional=to_decimal((worth and worth.max_notional) or INFINITE),
        is_open=rules.status == "TRADING" and "LIMIT" in rules.order_types and rules.is_margin_trading_allowed,
        status=rules.status,
        can_buy=trades and (pair is None or pair.is_buy_allowed),
        can_sell=trades and (pair is None or pair.is_sell_allowed),
        is_in_cross=pair is not None,
    )


def _find_filter(rules: SymbolRow, kind: str) -> SymbolFilterRow | None:
    return next((row for row in rules.filters if row.filter_type == kind), None)
