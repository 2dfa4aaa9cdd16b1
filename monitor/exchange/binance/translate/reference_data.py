"""What changes seldom, and what lies outside margin: bars, tiers, permissions, prices, wallets."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.model.account import Bars, KeyPermissions, Price, Tier, Wallet
from monitor.exchange.binance.wire.accounts_text import ApiRestrictions, Identity, TierRow, TradeCoeff, WalletRow
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
