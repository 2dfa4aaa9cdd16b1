"""What changes seldom, and what lies outside margin: bars, tiers, permissions, prices, wallets."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import Bars, CollateralTier, KeyPermissions, Price, Tier, Wallet
from monitor.core.model.lending_terms import Delisting, Restricted
from monitor.exchange.binance.translate.plain_values import exact, moment
from monitor.exchange.binance.wire.accounts_text import ApiRestrictions, Identity, TierRow, TradeCoeff, WalletRow
from monitor.exchange.binance.wire.market_data import (
    AssetTags,
    CollateralRatio,
    DelistSchedule,
    MarginAsset,
    RestrictedAssets,
)
from monitor.exchange.binance.wire.market_text import Ticker
from monitor.exchange.binance.wire.numbers import ZERO_TEXTS, Implausible, amount, moment, positive
from monitor.exchange.binance.wire.row_decoding import OddRow


def bars(coefficients: TradeCoeff) -> Bars:
    """The account's own cross bars. Raises Implausible unless liquidation <= call <= initial."""
    own = Bars(
        initial=positive(coefficients.normal_bar, "normalBar"),
        margin_call=positive(coefficients.margin_call_bar, "marginCallBar"),
        liquidation=positive(coefficients.force_liquidation_bar, "forceLiquidationBar"),
    )
    if not own.liquidation <= own.margin_call <= own.initial:
        raise Implausible("the bars are not in order")
    return own


def tiers(rows: Iterable[TierRow], symbol: str) -> tuple[Tier, ...]:
    """The leverage tiers of `symbol`, lowest number first. Raises Implausible when there is none."""
    found = sorted((_tier(row) for row in rows if row.symbol == symbol), key=lambda tier: tier.number)
    if not found:
        raise Implausible(f"no tiers of {symbol}")
    return tuple(found)


def permissions(restrictions: ApiRestrictions) -> KeyPermissions:
    """What the key may do."""
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
        expires_at=moment(expiry, "tradingAuthorityExpirationTime") if expiry else None,
    )


def identity(account: Identity) -> int:
    """The exchange's number of the user. Raises Implausible for one that is none."""
    if account.uid <= 0:
        raise Implausible(f"uid is no number of a user: {account.uid}")
    return account.uid


def prices(
    tickers: Iterable[Ticker], wanted: frozenset[str], *, at: datetime, odd: list[OddRow]
) -> Mapping[str, Price]:
    """The prices of the wanted symbols among `tickers`; what is none is added to `odd`."""
    found: dict[str, Price] = {}
    for ticker in tickers:
        if ticker.symbol in wanted:
            try:
                found[ticker.symbol] = Price(positive(ticker.price, f"price of {ticker.symbol}"), at)
            except Implausible as why:
                odd.append(OddRow(ticker.symbol, str(why)))
    return found


def wallet(rows: Iterable[WalletRow], *, as_of: datetime, odd: list[OddRow]) -> Wallet:
    """The free amounts that are not zero; what is no amount is added to `odd`.

    Raises Implausible for an asset that comes twice.
    """
    free: dict[str, Decimal] = {}
    for row in rows:
        if row.free in ZERO_TEXTS:
            continue
        if row.asset in free:
            raise Implausible(f"{row.asset} comes twice")
        try:
            held = amount(row.free, f"{row.asset}.free")
        except Implausible as why:
            odd.append(OddRow(row.asset, str(why)))
            continue
        if held:
            free[row.asset] = held
    return Wallet(as_of=as_of, free=free)


def _tier(row: TierRow) -> Tier:
    return Tier(
        number=row.tier,
        initial=positive(row.initial_risk_ratio, "initialRiskRatio"),
        liquidation=positive(row.liquidation_risk_ratio, "liquidationRiskRatio"),
        base_max_borrowable=amount(row.base_asset_max_borrowable, "baseAssetMaxBorrowable"),
        quote_max_borrowable=amount(row.quote_asset_max_borrowable, "quoteAssetMaxBorrowable"),
    )


def delisting(row: DelistSchedule) -> Delisting:
    """What leaves margin trading at one moment."""
    return Delisting(
        moment(row.delist_time), frozenset(row.cross_margin_assets), frozenset(row.isolated_margin_symbols)
    )


def restricted(answer: RestrictedAssets) -> Restricted:
    """What is not to be bought on credit, or not taken as collateral."""
    return Restricted(frozenset(answer.open_long_restricted_asset), frozenset(answer.max_collateral_exceeded_asset))


def tags(rows: Iterable[AssetTags]) -> Mapping[str, frozenset[str]]:
    """By asset its tags; one that comes twice has those of both rows."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        found[row.asset_code] = found.get(row.asset_code, frozenset()) | frozenset(row.tags)
    return found


def collateral(groups: Iterable[CollateralRatio]) -> Mapping[str, tuple[CollateralTier, ...]]:
    """By asset its tiers, from nothing up. The venue lists groups of assets that share theirs."""
    found: dict[str, tuple[CollateralTier, ...]] = {}
    for group in groups:
        tiers = tuple(
            CollateralTier(
                exact(tier.min_usd_value),
                None if tier.max_usd_value is None else exact(tier.max_usd_value),
                exact(tier.discount_rate),
            )
            for tier in sorted(group.collaterals, key=lambda tier: tier.min_usd_value)
        )
        found.update(dict.fromkeys(group.asset_names, tiers))
    return found


def min_repay(assets: Iterable[MarginAsset]) -> Mapping[str, Decimal]:
    """By asset the least that may be repaid of a debt; assets without one are missing."""
    return {asset.asset_name: exact(asset.user_min_repay) for asset in assets if asset.user_min_repay}
